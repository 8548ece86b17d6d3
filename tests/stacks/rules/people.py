"""Who people are, and who says so."""

# What a person may change of themselves at the stack's user pool.
HARMLESS = {"name"}


def roles(deployment):
    """Nobody gives themselves a role: it comes from groups, or from the one claim that the operator named."""
    service = deployment.service
    pools = service.of("AWS::Cognito::UserPool")
    for client in service.of("AWS::Cognito::UserPoolClient"):
        # Without the list, people may write every attribute that can change.
        writable = client.properties.get("WriteAttributes")
        if writable is None or not set(writable) <= HARMLESS:
            yield f"people may write {writable or 'every attribute'} of themselves at {client.name}"
    for pool in pools:
        if not pool.properties.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly"):
            yield f"{pool.name} lets people sign up by themselves"
    expected = "cognito:groups" if pools else service.values["RoleClaim"]
    for function in service.of("AWS::Serverless::Function"):
        claim = function.properties.get("Environment", {}).get("Variables", {}).get("EASEL_ROLE_CLAIM", expected)
        if claim != expected:
            yield f"{function.name} reads roles from {claim}, not from {expected}"
