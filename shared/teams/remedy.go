package teams

import (
	"cmp"
	"fmt"
	"strings"

	"switchboard/shared/graph"
)

// graphApp is the application id of Microsoft Graph itself, in every tenant.
const graphApp = "00000003-0000-0000-c000-000000000000"

// policyName is the one that package graph's errors propose.
const policyName = "Switchboard-Meetings"

// clientID is by which Teams and Exchange know this service.
func (d *Doctor) clientID(who *identity) string {
	known := cmp.Or(d.ClientID, d.ManagedIdentity)
	if known == "" && who != nil {
		known = who.clientID
	}
	return cmp.Or(known, "<client id of the managed identity>")
}

func (d *Doctor) authority() string {
	return strings.TrimSuffix(cmp.Or(d.Authority, "https://login.microsoftonline.com"), "/")
}

func (d *Doctor) endpoint() string {
	return strings.TrimSuffix(cmp.Or(d.Endpoint, graph.DefaultEndpoint), "/")
}

func (d *Doctor) consentPage() string {
	return fmt.Sprintf("%s/%s/adminconsent?client_id=%s", d.authority(), d.Tenant, d.ClientID)
}

func findOrganizer() []string {
	return []string{
		"az ad user show --id <user principal name of the account that holds the meetings> --query id --output tsv",
		"Set SWITCHBOARD_GRAPH_ORGANIZER to what it prints, and restart the service.",
	}
}

// refusedBy explains Entra's numbers ("Microsoft Entra authentication and authorization
// error codes"), which may change: then the page of the number still says what it means.
func (d *Doctor) refusedBy(number int) (detail string, remedy []string) {
	switch number {
	case 7000222:
		return "The client secret has expired.", d.renewSecret()
	case 7000215:
		return "The client secret is wrong. Often it is the id of the secret that was copied, not its value.", d.renewSecret()
	case 700027:
		return "The certificate is not one of the application's, or has expired.", d.renewCertificate()
	case 700211, 700212, 700213:
		return "The application does not trust the managed identity of this host.", d.trustIdentity()
	case 700016, 7000229:
		return "The tenant does not know the application.", d.findApplication()
	case 90002, 900023:
		return "There is no such tenant.", d.findTenant()
	case 7000112:
		return "The application is disabled in the tenant.", []string{
			fmt.Sprintf("az ad sp update --id %s --set accountEnabled=true", d.ClientID),
		}
	case 53003:
		return "Conditional Access for workload identities keeps this service out.", []string{
			fmt.Sprintf("Microsoft Entra admin center > Conditional Access: let the application %s pass from where this service runs.", d.ClientID),
		}
	}
	return "Microsoft Entra ID refuses the credential.", append([]string{
		fmt.Sprintf("Read what it means: %s/error?code=%d", d.authority(), number),
	}, d.checkRegistration()...)
}

func (d *Doctor) renewSecret() []string {
	return []string{
		fmt.Sprintf("az ad app credential reset --id %s --append --years 1 --query password --output tsv", d.ClientID),
		"Set SWITCHBOARD_GRAPH_CLIENT_SECRET to what it prints, which is shown once, and restart the service.",
	}
}

func (d *Doctor) renewCertificate() []string {
	return []string{
		fmt.Sprintf("az ad app credential list --id %s --cert", d.ClientID),
		fmt.Sprintf("az ad app credential reset --id %s --append --cert @<certificate without its key>.pem", d.ClientID),
		"Set SWITCHBOARD_GRAPH_CERTIFICATE to the certificate with its key, and restart the service.",
	}
}

func (d *Doctor) trustIdentity() []string {
	return []string{
		fmt.Sprintf("az ad app federated-credential list --id %s", d.ClientID),
		fmt.Sprintf(`az ad app federated-credential create --id %s --parameters '{"name":"switchboard","issuer":"%s/%s/v2.0","subject":"<object id of the managed identity>","audiences":["api://AzureADTokenExchange"]}'`,
			d.ClientID, d.authority(), d.Tenant),
	}
}

func (d *Doctor) findApplication() []string {
	return []string{
		fmt.Sprintf(`az ad app show --id %s --query "{name:displayName, tenants:signInAudience}"`, d.ClientID),
		"If it is there, let an administrator of the tenant open " + d.consentPage(),
		fmt.Sprintf("If it is not, SWITCHBOARD_GRAPH_CLIENT_ID or SWITCHBOARD_GRAPH_TENANT (%s) is wrong: set it and restart the service.", d.Tenant),
	}
}

func (d *Doctor) findTenant() []string {
	return []string{
		"az account show --query tenantId --output tsv",
		fmt.Sprintf("Set SWITCHBOARD_GRAPH_TENANT to what it prints (it is %s), and restart the service.", d.Tenant),
	}
}

func (d *Doctor) checkRegistration() []string {
	return []string{
		fmt.Sprintf(`az ad app show --id %s --query "{name:displayName, secrets:passwordCredentials[].endDateTime, certificates:keyCredentials[].endDateTime}"`, d.ClientID),
		fmt.Sprintf("Compare SWITCHBOARD_GRAPH_TENANT (%s), SWITCHBOARD_GRAPH_CLIENT_ID and the secret, certificate or federated identity with it.", d.Tenant),
	}
}

func (d *Doctor) reachEntra() []string {
	steps := []string{
		fmt.Sprintf("curl --include %s/%s/v2.0/.well-known/openid-configuration", d.authority(), d.Tenant),
		"It must answer 200 from where this service runs: 400 is a wrong tenant, no answer a firewall or a proxy that does not let it out.",
	}
	if d.ClientID == "" {
		return append(steps, d.assignIdentity()...)
	}
	return append(steps, fmt.Sprintf("Ask again in a minute. If it stays, see https://status.cloud.microsoft and the sign-in logs of the application %s.", d.ClientID))
}

func (d *Doctor) assignIdentity() []string {
	if d.ManagedIdentity != "" {
		return []string{
			fmt.Sprintf(`az identity list --query "[?clientId=='%s'].id" --output tsv`, d.ManagedIdentity),
			"az functionapp identity assign --name <function app> --resource-group <resource group> --identities <what it prints>",
		}
	}
	return []string{
		"az functionapp identity assign --name <function app> --resource-group <resource group>",
		"Or set SWITCHBOARD_GRAPH_CLIENT_ID and a secret or certificate of an app registration.",
	}
}

// grant has the steps to give the application roles, and consent to them.
func (d *Doctor) grant(who *identity, roles []string) []string {
	if d.ClientID == "" {
		return d.assignRoles(who, roles)
	}
	var steps []string
	for _, role := range roles {
		steps = append(steps, fmt.Sprintf(
			`az ad app permission add --id %s --api %s --api-permissions "$(az ad sp show --id %s --query "appRoles[?value=='%s'].id | [0]" --output tsv)=Role"`,
			d.ClientID, graphApp, graphApp, role))
	}
	return append(steps,
		fmt.Sprintf("az ad app permission admin-consent --id %s", d.ClientID),
		"Or, in place of the last command, let an administrator of the tenant open "+d.consentPage(),
		"Restart the service, or wait: the token that it has keeps its permissions for up to 90 minutes.",
	)
}

// assignRoles: a managed identity has no registration that permissions could be added to.
func (d *Doctor) assignRoles(who *identity, roles []string) []string {
	principal := cmp.Or(who.objectID, "<object id of the managed identity>")
	steps := []string{
		fmt.Sprintf("Connect-MgGraph -TenantId %s -Scopes Application.Read.All, AppRoleAssignment.ReadWrite.All", d.Tenant),
		fmt.Sprintf(`$graph = Get-MgServicePrincipal -Filter "appId eq '%s'"`, graphApp),
	}
	for _, role := range roles {
		steps = append(steps, fmt.Sprintf(
			`New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId %s -PrincipalId %s -ResourceId $graph.Id -AppRoleId ($graph.AppRoles | Where-Object Value -eq "%s").Id`,
			principal, principal, role))
	}
	return append(steps, "Restart the service, and wait: the token of a managed identity keeps its permissions for up to 24 hours.")
}

func (d *Doctor) showRoles() []string {
	if d.ClientID == "" {
		return []string{"Microsoft Entra admin center > Enterprise applications > Application type: Managed identities > the host's > Permissions"}
	}
	return []string{
		fmt.Sprintf(`az rest --method get --url "%s/v1.0/servicePrincipals(appId='%s')/appRoleAssignments" --query "value[].{api:resourceDisplayName, role:appRoleId}"`, d.endpoint(), d.ClientID),
		fmt.Sprintf(`az ad sp show --id %s --query "appRoles[].{role:id, name:value}" --output table`, graphApp),
	}
}

// grantPolicy has the cmdlets of "Configure application access to online meetings".
func (d *Doctor) grantPolicy(who *identity) []string {
	return []string{
		fmt.Sprintf("Connect-MicrosoftTeams -TenantId %s", d.Tenant),
		fmt.Sprintf(`New-CsApplicationAccessPolicy -Identity %s -AppIds "%s" -Description "Switchboard"`, policyName, d.clientID(who)),
		fmt.Sprintf(`Grant-CsApplicationAccessPolicy -PolicyName %s -Identity "%s"`, policyName, d.Organizer),
		"With -Global in place of -Identity it covers all people of the tenant, which it must where they hold their own meetings.",
		"Wait: it takes up to 30 minutes to have effect.",
	}
}

func (d *Doctor) showPolicy(who *identity) []string {
	return []string{
		fmt.Sprintf("Connect-MicrosoftTeams -TenantId %s", d.Tenant),
		fmt.Sprintf(`Get-CsOnlineUser -Identity "%s" | Select-Object ApplicationAccessPolicy`, d.Organizer),
		fmt.Sprintf("Get-CsApplicationAccessPolicy | Select-Object Identity, AppIds  # one that is granted must name %s", d.clientID(who)),
	}
}

func (d *Doctor) enableTeams() []string {
	return []string{
		fmt.Sprintf("Microsoft 365 admin center > Users > Active users > %s > Licenses and apps: it needs Microsoft Teams and Exchange Online", d.Organizer),
		"Or, in PowerShell:",
		fmt.Sprintf("Connect-MgGraph -TenantId %s -Scopes User.ReadWrite.All, Organization.Read.All", d.Tenant),
		"Get-MgSubscribedSku | Select-Object SkuId, SkuPartNumber",
		fmt.Sprintf(`Set-MgUserLicense -UserId "%s" -AddLicenses @{SkuId = "<SkuId with Teams>"} -RemoveLicenses @()`, d.Organizer),
		fmt.Sprintf(`Get-CsOnlineUser -Identity "%s" | Select-Object TeamsUpgradeEffectiveMode  # must be TeamsOnly`, d.Organizer),
		"Wait: it can take some hours until the mailbox knows.",
	}
}

func (d *Doctor) openMailbox(who *identity) []string {
	return []string{
		"Connect-ExchangeOnline",
		fmt.Sprintf(`Test-ServicePrincipalAuthorization -Identity "%s" -Resource "%s" | Format-Table`, d.clientID(who), d.Organizer),
		fmt.Sprintf(`Test-ApplicationAccessPolicy -AppId "%s" -Identity "%s"`, d.clientID(who), d.Organizer),
		"Bring the organizer's mailbox into the scope of the role assignment or policy that denies it, and wait up to two hours.",
	}
}

func (d *Doctor) findAccount() []string {
	return append([]string{
		fmt.Sprintf(`az ad user show --id %s --query "{name:displayName, upn:userPrincipalName, enabled:accountEnabled}"`, d.Organizer),
		"If the account is there, it has no mailbox: give it a licence with Exchange Online and Microsoft Teams. If it is not:",
	}, findOrganizer()...)
}

func (d *Doctor) listBusinesses() []string {
	return []string{
		fmt.Sprintf("Connect-MgGraph -TenantId %s -Scopes Bookings.Read.All", d.Tenant),
		"Get-MgBookingBusiness | Select-Object Id, DisplayName",
		fmt.Sprintf("Set SWITCHBOARD_GRAPH_BOOKINGS_BUSINESS to the Id of the business (it is %s), and restart the service.", d.Business),
	}
}

func (d *Doctor) listServices() []string {
	return []string{
		fmt.Sprintf("Connect-MgGraph -TenantId %s -Scopes Bookings.Read.All", d.Tenant),
		fmt.Sprintf(`Get-MgBookingBusinessService -BookingBusinessId "%s" | Select-Object Id, DisplayName`, d.Business),
		"Set SWITCHBOARD_GRAPH_BOOKINGS_SERVICE to the Id of the service, and restart the service.",
	}
}

func (d *Doctor) reachGraph(who *identity) []string {
	return []string{
		"Ask again in a minute: Microsoft Graph throttles, and fails for moments.",
		fmt.Sprintf("If it stays: curl --include %s/v1.0/ from where this service runs. Any answer will do; none is a firewall or a proxy that does not let it out.", d.endpoint()),
		fmt.Sprintf("See https://status.cloud.microsoft, or ask Microsoft about the requests of the application %s in the tenant %s.", d.clientID(who), d.Tenant),
	}
}

func (d *Doctor) admitAnonymous() []string {
	steps := []string{
		fmt.Sprintf("Connect-MicrosoftTeams -TenantId %s", d.Tenant),
		"Get-CsTeamsMeetingConfiguration | Select-Object DisableAnonymousJoin  # must be False",
		"Set-CsTeamsMeetingConfiguration -DisableAnonymousJoin $false",
	}
	if d.hasOrganizer() {
		steps = append(steps, fmt.Sprintf(`Get-CsOnlineUser -Identity "%s" | Select-Object TeamsMeetingPolicy  # where it has none, Global counts`, d.Organizer))
	}
	return append(steps,
		"Get-CsTeamsMeetingPolicy -Identity Global | Select-Object AllowAnonymousUsersToJoinMeeting, AllowAnonymousUsersToStartMeeting  # the first must be True",
		"Set-CsTeamsMeetingPolicy -Identity Global -AllowAnonymousUsersToJoinMeeting $true",
		"With AllowAnonymousUsersToStartMeeting they need not wait for somebody of the organization. Changes take up to 24 hours.",
	)
}

func openWebhook(address string) []string {
	return []string{
		fmt.Sprintf(`curl --include --request POST --header "Content-Type: text/plain" --data "" "%s?validationToken=hello%%20there"`, address),
		"From anywhere on the internet it must answer 200, as text/plain, with: hello there",
		"If it does not: SWITCHBOARD_GRAPH_NOTIFY_URL must be the public address of this service and end in /api/graph, the function graph must be deployed, and a gateway, App Service authentication or access restrictions must let POST through without a sign-in.",
	}
}
