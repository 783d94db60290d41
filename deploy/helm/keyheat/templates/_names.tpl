{{- define "keyheat.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Begins the name of everything; the longest ending is 23 characters, and names of Services may have 63. */}}
{{- define "keyheat.fullname" -}}
{{- $name := include "keyheat.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The kinds of process that run, with spaces between them. */}}
{{- define "keyheat.components" -}}
{{- if .Values.standalone.enabled -}}
standalone
{{- else -}}
{{- if has .Values.agent.kind (list "DaemonSet" "Deployment") }}agent {{ end -}}
{{- if .Values.aggregator.enabled }}aggregator{{ end -}}
{{- end -}}
{{- end -}}

{{/* Of (dict "root" $ "component" NAME): what selects its pods. */}}
{{- define "keyheat.selectorLabels" -}}
app.kubernetes.io/name: {{ include "keyheat.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "keyheat.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_") }}
{{ include "keyheat.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "keyheat.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Of (dict "root" $ "component" NAME). */}}
{{- define "keyheat.serviceAccountName" -}}
{{- $account := (get .root.Values .component).serviceAccount -}}
{{- if $account.create -}}
{{- $account.name | default (printf "%s-%s" (include "keyheat.fullname" .root) .component) -}}
{{- else -}}
{{- $account.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* Of (dict "root" $ "component" NAME): where its token is from, its own `auth` or that of all. */}}
{{- define "keyheat.auth" -}}
{{- $own := (get .root.Values .component).auth | default dict -}}
{{- toYaml (ternary $own .root.Values.auth (not (empty $own.existingSecret))) -}}
{{- end -}}

{{/* The Secret with the token, of (dict "root" $ "component" NAME). */}}
{{- define "keyheat.authSecretName" -}}
{{- $auth := include "keyheat.auth" . | fromYaml -}}
{{- $auth.existingSecret | default (printf "%s-auth" (include "keyheat.fullname" .root)) -}}
{{- end -}}

{{/* Its key in there. */}}
{{- define "keyheat.authSecretKey" -}}
{{- $auth := include "keyheat.auth" . | fromYaml -}}
{{- if $auth.existingSecret }}{{ $auth.existingSecretKey }}{{ else }}token{{ end -}}
{{- end -}}
