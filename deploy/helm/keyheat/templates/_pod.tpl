{{/* The template of a pod, of (dict "root" $ "component" NAME "args" LIST). */}}
{{- define "keyheat.podTemplate" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $own := get $values .component -}}
metadata:
  # Without the versions of the chart: an upgrade that changes nothing restarts nothing.
  labels:
    {{- include "keyheat.selectorLabels" . | nindent 4 }}
    {{- with mergeOverwrite (deepCopy $values.commonLabels) (deepCopy $own.podLabels) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/config: {{ include "keyheat.config" . | sha256sum }}
    {{- with $values.auth.token }}
    checksum/token: {{ sha256sum . }}
    {{- end }}
    {{- with $own.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "keyheat.serviceAccountName" . }}
  automountServiceAccountToken: {{ include "keyheat.findsPods" . | empty | not }}
  {{- include "keyheat.placement" (dict "root" $root "own" $own) | nindent 2 }}
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  containers:
    - name: keyheat
      {{- include "keyheat.container" (dict "root" $root "own" $own) | nindent 6 }}
      args: {{ toJson .args }}
      ports:
        - name: http
          containerPort: {{ include "keyheat.port" . }}
      livenessProbe:
        httpGet: { path: /healthz, port: http, scheme: {{ include "keyheat.scheme" . }} }
        {{- toYaml $values.livenessProbe | nindent 8 }}
      readinessProbe:
        httpGet: { path: /readyz, port: http, scheme: {{ include "keyheat.scheme" . }} }
        {{- toYaml $values.readinessProbe | nindent 8 }}
      resources:
        {{- toYaml $own.resources | nindent 8 }}
      volumeMounts:
        - { name: etc, mountPath: /etc/keyheat, readOnly: true }
        {{- if eq .component "standalone" }}
        - { name: data, mountPath: /var/lib/keyheat }
        {{- end }}
        {{- with concat $values.extraVolumeMounts $own.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: etc
      projected:
        defaultMode: 0440
        sources:
          - configMap: { name: {{ include "keyheat.fullname" $root }}-{{ .component }} }
          - secret:
              name: {{ include "keyheat.authSecretName" . | quote }}
              items: [{ key: {{ include "keyheat.authSecretKey" . | quote }}, path: secrets/token }]
          {{- include "keyheat.secretSources" (dict "root" $root "own" $own) | nindent 10 }}
    {{- if eq .component "standalone" }}
    - name: data
      {{- if $own.persistence.enabled }}
      persistentVolumeClaim:
        claimName: {{ $own.persistence.existingClaim | default (printf "%s-standalone" (include "keyheat.fullname" $root)) }}
      {{- else }}
      emptyDir: {}
      {{- end }}
    {{- end }}
    {{- with concat $values.extraVolumes $own.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* Where and as whom a pod runs, of (dict "root" $ "own" VALUES). */}}
{{- define "keyheat.placement" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .own.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What every container of Keyheat has, of (dict "root" $ "own" VALUES). */}}
{{- define "keyheat.container" -}}
image: {{ include "keyheat.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .root.Values.securityContext | nindent 2 }}
env:
  # Pods of this node are found by its name; the config may use each as ${NAME}.
  - name: NODE_NAME
    valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
  - name: POD_NAME
    valueFrom: { fieldRef: { fieldPath: metadata.name } }
  - name: POD_IP
    valueFrom: { fieldRef: { fieldPath: status.podIP } }
  {{- with concat .root.Values.extraEnv .own.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with concat .root.Values.extraEnvFrom .own.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Sources of a projected volume for `secrets`, of (dict "root" $ "own" VALUES). */}}
{{- define "keyheat.secretSources" -}}
{{- range concat .root.Values.secrets .own.secrets }}
- secret:
    name: {{ .existingSecret | quote }}
    items: [{ key: {{ .key | default .name | quote }}, path: {{ printf "secrets/%s" .name | quote }} }]
{{- end }}
{{- end -}}
