-- Whether the gap ledger has looked at all that was ingested.
SELECT NOT EXISTS (
    SELECT FROM ingestion_logs AS l
    LEFT JOIN reading_gap_scans AS scan USING (channel_id, organization_id)
    WHERE l.organization_id = %(site_id)s
        AND l.channel_id <> 0
        AND l.status = 'done'
        AND (scan.channel_id IS NULL OR l.finished_at > scan.scanned_at)
)
