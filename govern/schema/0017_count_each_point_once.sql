-- What the site's file says of its channels, more of it: which are left out, until when one counts, and by what its
-- readings are multiplied. And the service's parentId, which is no hierarchy of energy but the gateway of a meter.
ALTER TABLE channel_facts
    ADD COLUMN is_excluded boolean NOT NULL DEFAULT false,
    ADD COLUMN is_parent_named boolean NOT NULL DEFAULT false,
    ADD COLUMN counts_until date,
    ADD COLUMN unit_factor double precision NOT NULL DEFAULT 1 CHECK (unit_factor > 0);
UPDATE channel_facts SET is_parent_named = true WHERE parent_id IS NOT NULL;
COMMENT ON COLUMN channel_facts.is_excluded IS 'The file leaves the channel out: it is not asked for, and in no report.';
COMMENT ON COLUMN channel_facts.is_parent_named IS 'The file says what it is part of; with a null parent_id, of no other channel.';
COMMENT ON COLUMN channel_facts.counts_until IS 'Last local day on which it counts; null without an end.';
COMMENT ON COLUMN channel_facts.unit_factor IS 'Layer 3 multiplies its energy and power by this.';

ALTER TABLE channels ADD COLUMN gateway_id bigint;
COMMENT ON COLUMN channels.gateway_id IS 'Device id of the gateway that reports it (parentId of the service).';
COMMENT ON COLUMN channels.parent_id IS 'Channel whose energy contains this one''s, as an import of files was told; the site''s file goes above it.';
COMMENT ON COLUMN channels.meter_id IS 'Meter id of the service; the views of one metering point share it.';
COMMENT ON COLUMN channels.displayed_phase IS 'Which part of its metering point it shows: "system" is the whole.';

-- Only at sites of files did a person say which meter contains which (--parent); what the service told is no hierarchy.
UPDATE channels AS c
SET gateway_id = c.parent_id, parent_id = NULL
FROM organizations AS o
WHERE o.organization_id = c.organization_id AND o.data_source <> 'file' AND c.parent_id IS NOT NULL;
