"""STAND-IN for the operators: sets the status of their resources on the local API server, no more.

It plays the OpenShift Service Mesh, the OpenShift Serverless and the Knative operator and Knative's
own controllers: what they would deploy is not there. A stack that waits for readiness can run, and
tests can order a kind to be late, to fail or never to become ready (see `orders`).
"""
