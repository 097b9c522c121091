-- A server that dies after it mailed a report leaves its job open, and another takes it over without knowing what was
-- mailed: who began to mail is kept, and nobody else mails that report by itself.

ALTER TABLE scheduled_jobs ADD COLUMN mailed_by text;
COMMENT ON COLUMN scheduled_jobs.mailed_by IS 'Machine and folder that began to mail the report; no other mails it by itself.';
