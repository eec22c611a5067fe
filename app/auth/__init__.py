"""Who it is: by a token of ours, or by one of the company's identity provider."""
