"""What ``dangol doctor`` looks at: one small function a check; docs/doctor.md lists them."""
