"""Documents: received, looked at, stored, linked to and served. What they are attached to is the write path's."""
