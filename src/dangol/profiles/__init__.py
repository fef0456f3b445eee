"""Who the customers are and what they did: identity, attributes, devices, events, imports."""
