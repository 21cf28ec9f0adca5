-- Lists of a package's or a platform's clients are read in the order of their keys.
DROP INDEX clients_by_package;
DROP INDEX clients_by_platform;
CREATE INDEX clients_by_package ON clients (package_id, key) WHERE package_id IS NOT NULL;
CREATE INDEX clients_by_platform ON clients (platform_id, key) WHERE platform_id IS NOT NULL;
