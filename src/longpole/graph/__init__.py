"""Pure arithmetic on the dependency graph: no database, no files, nothing beyond the standard library."""
