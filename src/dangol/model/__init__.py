"""The ground floor: frozen values and enums that every room shares. Imports nothing above it."""
