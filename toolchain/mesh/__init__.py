"""A real mesh on this machine: istiod, Envoy, the Knative operator, and what they run on.

Real are: the scheduler, the simulated node (KWOK), the Knative operator, istiod, the agent and
Envoy. Stand-ins, because the real ones can't be had: the Service Mesh operator's part
(`service_mesh_operator`), the Knative ingress controller and the pods of a Knative Service
(`knative_services`), and OpenShift's router (`router`).
"""
