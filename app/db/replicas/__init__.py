"""Read replicas: standbys of PostgreSQL that answer queries where they have replayed what the caller has seen."""
