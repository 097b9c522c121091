-- Grain: one row per site and kind of finding that somebody judged. Units: findings. Time zone: none.
CREATE VIEW v_judged_findings AS
SELECT
    f.site_id,
    f.kind,
    count(*) AS judged,
    count(*) FILTER (WHERE f.said IN ('planned', 'done')) AS acted_on,
    count(*) FILTER (WHERE f.said = 'not-needed') AS not_needed,
    count(*) FILTER (WHERE f.said = 'wrong') AS wrong
FROM v_findings AS f
WHERE f.said IN ('planned', 'done', 'not-needed', 'wrong')
GROUP BY f.site_id, f.kind;

COMMENT ON VIEW v_judged_findings IS 'How many findings people judged, and what they said: accuracy as the site itself sees it.';
COMMENT ON COLUMN v_judged_findings.site_id IS 'Site (organization) id.';
COMMENT ON COLUMN v_judged_findings.kind IS 'Kind of finding.';
COMMENT ON COLUMN v_judged_findings.judged IS 'Findings of which somebody said something.';
COMMENT ON COLUMN v_judged_findings.acted_on IS 'Of these planned or done.';
COMMENT ON COLUMN v_judged_findings.not_needed IS 'Of these there, and all right so.';
COMMENT ON COLUMN v_judged_findings.wrong IS 'Of these wrong: there was no such thing.';
