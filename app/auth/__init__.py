"""Authentication: by an API token, or by a JWT of the company's identity provider."""
