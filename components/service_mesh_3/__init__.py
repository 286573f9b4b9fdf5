"""Service Mesh 3: the control plane, the gateway, and what its operator does not make."""
