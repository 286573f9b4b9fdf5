"""A real mesh on this machine: istiod, Envoy, the Knative operator, and what they run on.

Real are: the scheduler, the simulated node (KWOK), the Knative operator, istiod, its injection, the
agent and Envoy. Stand-ins, because the real ones can't be had: the parts of both Service Mesh
operators (`service_mesh_2`, `service_mesh_3`), the kubelet that runs their pods (`kubelet`), the
Knative ingress controller (`knative_services`), and OpenShift's router (`router`).
"""
