-- The time line of a site's findings reads what its reports saw of its meters, and nothing of the other sites.
CREATE INDEX report_meters_by_organization ON report_meters (organization_id, report_run_id);
