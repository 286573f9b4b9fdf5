"""OpenShift Serverless inside OpenShift Service Mesh: settings and commands."""
