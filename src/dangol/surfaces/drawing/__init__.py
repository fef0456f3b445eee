"""A campaign as a picture: what there is to draw, and three ways to draw it (SVG, Mermaid, plain text)."""
