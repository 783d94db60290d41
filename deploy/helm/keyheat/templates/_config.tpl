{{/*
The config of (dict "root" $ "component" NAME), as YAML: what the chart sets, under `config`, under the component's own
`config`. The last one wins; lists are replaced, except `http.hosts`, to which the names of the Service are added.
*/}}
{{- define "keyheat.config" -}}
{{- $values := .root.Values -}}
{{- $service := printf "%s-%s" (include "keyheat.fullname" .root) .component -}}
{{- $namespace := .root.Release.Namespace -}}
{{- $inCluster := printf "%s.%s.svc" $service $namespace -}}
{{- $names := list $service (printf "%s.%s" $service $namespace) $inCluster (printf "%s.%s" $inCluster $values.clusterDomain) -}}
{{- $port := ternary 9379 9380 (eq .component "agent") -}}
{{- $http := dict "listen" (printf "0.0.0.0:%d" $port) "auth" (dict "tokenFile" "/etc/keyheat/secrets/token") -}}
{{- $chart := dict "http" $http -}}
{{- if and (eq .component "agent") (eq $values.agent.kind "Deployment") -}}
{{- $_ := set $chart "discovery" (dict "observe" "all") -}}
{{- end -}}
{{- $config := mergeOverwrite $chart (deepCopy ($values.config | default dict)) (deepCopy ((get $values .component).config | default dict)) -}}
{{- $_ := set $config.http "hosts" (concat $names (dig "http" "hosts" (list) $config) | uniq) -}}
{{ toYaml $config }}
{{- end -}}

{{/* The port that the merged config listens at. */}}
{{- define "keyheat.port" -}}
{{- (include "keyheat.config" . | fromYaml).http.listen | splitList ":" | last -}}
{{- end -}}

{{/* HTTP or HTTPS. */}}
{{- define "keyheat.scheme" -}}
{{- hasKey (include "keyheat.config" . | fromYaml).http "tls" | ternary "HTTPS" "HTTP" -}}
{{- end -}}

{{/* "true" where the component looks for pods, and nothing elsewhere. */}}
{{- define "keyheat.findsPods" -}}
{{- if and (ne .component "aggregator") (dig "discovery" "kubernetes" "" (include "keyheat.config" . | fromYaml)) }}true{{ end -}}
{{- end -}}

{{/* Problems that are only visible in the merged config: each is said with what to set. */}}
{{- define "keyheat.validate" -}}
{{- $values := .Values -}}
{{- range $component := without (splitList " " (include "keyheat.components" .)) "" -}}
{{- $merged := include "keyheat.config" (dict "root" $ "component" $component) | fromYaml -}}
{{- $finds := dig "discovery" "kubernetes" "labelSelector" "" $merged -}}
{{- if and (ne $component "standalone") (not (dig "kafka" "brokers" "" $merged)) -}}
{{- fail "config.kafka.brokers is missing: set it, as in --set 'config.kafka.brokers={kafka:9092}'; to run without Kafka, --set standalone.enabled=true" -}}
{{- end -}}
{{- if and (ne $component "aggregator") (not $finds) (not $merged.targets) -}}
{{- fail (printf "%s.config says no servers: set %s.config.discovery.kubernetes.labelSelector (pods of this cluster), or %s.config.targets" $component $component $component) -}}
{{- end -}}
{{- if and (eq $component "agent") (eq $values.agent.kind "DaemonSet") (not $finds) (not (dig "discovery" "observe" "" $merged)) -}}
{{- fail "agent.config.targets in a DaemonSet: each agent would look for servers within its own pod; for servers that are not found as pods, set agent.kind=Deployment" -}}
{{- end -}}
{{- end -}}
{{- end -}}
