-- What a channel is stands in the site's file (config/sites/<id>.toml, [channels]); each validation brings it here, so
-- that the views of Layer 3 can tell it.
CREATE TABLE channel_facts (
    channel_id bigint PRIMARY KEY,
    organization_id bigint NOT NULL,
    kind text CHECK (kind IN ('load', 'generation', 'storage', 'main', 'sensor')),
    must_run boolean NOT NULL DEFAULT false,
    parent_id bigint,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE channel_facts IS 'What the site''s file says of a channel; no row where it says nothing.';
COMMENT ON COLUMN channel_facts.channel_id IS 'Channel id.';
COMMENT ON COLUMN channel_facts.organization_id IS 'Site (organization) id.';
COMMENT ON COLUMN channel_facts.kind IS 'What it measures: load, generation, storage, main or sensor; null where the file does not say.';
COMMENT ON COLUMN channel_facts.must_run IS 'Needed while the site is closed.';
COMMENT ON COLUMN channel_facts.parent_id IS 'Channel whose energy contains this one''s, if the file names one.';
COMMENT ON COLUMN channel_facts.updated_at IS 'When the file was last read, UTC.';
