"""The HTTP API for backend services: events and profiles in the shape of the Segment tracking API."""
