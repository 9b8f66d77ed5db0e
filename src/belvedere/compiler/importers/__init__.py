"""One importer a framework."""
