"""SCIM 2.0 (RFC 7643, RFC 7644): identity providers add, change and deactivate people, and give roles by groups."""
