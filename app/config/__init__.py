"""Settings, and the components that are built from them."""
