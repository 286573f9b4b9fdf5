"""Service Mesh 2: the control plane and its members."""
