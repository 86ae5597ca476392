{{- define "codelab.name" -}}
{{- printf "%s-operator" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "codelab.selector" -}}
app.kubernetes.io/name: codelab-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "codelab.labels" -}}
{{ include "codelab.selector" . }}
app.kubernetes.io/part-of: codelab
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "codelab.account" -}}
{{- default (include "codelab.name" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "codelab.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{- define "codelab.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "codelab.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "codelab.checks" -}}
{{- with .Values.leaderElection }}
{{- if le (int .leaseDuration) (int .renewDeadline) }}{{ fail "leaderElection.leaseDuration must be longer than renewDeadline" }}{{ end }}
{{- if lt (int .renewDeadline) (mul 2 (int .renewPeriod)) }}{{ fail "leaderElection.renewDeadline must be at least twice renewPeriod" }}{{ end }}
{{- end }}
{{- end -}}

{{- define "codelab.namespaces" -}}
{{- prepend .Values.watch.namespaces .Release.Namespace | uniq | join "," -}}
{{- end -}}

{{- define "codelab.rules" -}}
- apiGroups: [codelab.dev]
  resources: [codelabagents]
  verbs: [get, list, watch]
- apiGroups: [codelab.dev]
  resources: [codelabagents/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [services, serviceaccounts, configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies, ingresses]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [coordination.k8s.io] # its own Lease comes back on the streams that it watches
  resources: [leases]
  resourceNames: [codelab-operator]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.rbac.secrets }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [create, get, patch]
{{- end }}
{{- end -}}

{{- /* The agent of `helm test`: the images of the sample agent and where it runs, nothing else of it. */ -}}
{{- define "codelab.testSpec" -}}
{{- $spec := pick .Values.agent.spec "version" "images" -}}
{{- range $part := list "gateway" "runtime" "llmproxy" -}}
{{- with pick (default dict (index $.Values.agent.spec $part)) "image" "resources" "scheduling" -}}
{{- $spec = set $spec $part . -}}
{{- end -}}
{{- end -}}
{{- toYaml $spec -}}
{{- end -}}
