-- What went wrong on the way to an answer, also where another attempt cured it: a fault that heals leaves a trace too.
ALTER TABLE ingestion_logs
    ADD COLUMN retries  integer,
    ADD COLUMN troubles jsonb;
COMMENT ON COLUMN ingestion_logs.retries IS 'Requests that had to be repeated; null while it runs.';
COMMENT ON COLUMN ingestion_logs.troubles IS 'What went wrong on the way, cured or not: {"HTTP 503 Service Unavailable": 2}; null when nothing did.';
