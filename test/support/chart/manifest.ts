import { parseAllDocuments } from "yaml";

/** An object of Kubernetes, as it is applied. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Labels;
    readonly annotations?: Labels;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Spec;
  /** Of a RoleBinding. */
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace: string }[];
}

export type Labels = Readonly<Record<string, string>>;

interface Spec {
  /** Of a Service: the labels themselves. */
  readonly selector?: { readonly matchLabels?: Labels; readonly [label: string]: unknown };
  readonly podSelector?: { readonly matchLabels?: Labels };
  readonly template?: PodTemplate;
  readonly ports?: readonly { readonly name?: string; readonly targetPort?: string }[];
  readonly endpoints?: readonly MetricsEndpoint[];
  readonly podMetricsEndpoints?: readonly MetricsEndpoint[];
  readonly replicas?: number;
}

interface MetricsEndpoint {
  readonly port: string;
  readonly scheme: string;
  readonly authorization: { readonly credentials: { readonly name: string; readonly key: string } };
}

export interface PodTemplate {
  readonly metadata: { readonly labels: Labels; readonly annotations?: Labels };
  readonly spec: PodSpec;
}

export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly imagePullSecrets?: readonly { readonly name: string }[];
  readonly tolerations?: readonly Readonly<Record<string, string>>[];
  readonly topologySpreadConstraints?: readonly { readonly topologyKey: string }[];
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly valueFrom?: {
      readonly secretKeyRef?: SecretKey;
      readonly fieldRef?: { readonly fieldPath: string };
    };
  }[];
  readonly envFrom?: readonly { readonly secretRef?: { readonly name: string } }[];
  readonly ports?: readonly {
    readonly name: string;
    readonly containerPort: number;
    readonly hostPort?: number;
  }[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
}

interface SecretKey {
  readonly name: string;
  readonly key: string;
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string; readonly scheme: string };
}

export interface Volume {
  readonly name: string;
  readonly projected?: {
    readonly sources: readonly {
      readonly configMap?: { readonly name: string };
      readonly secret?: {
        readonly name: string;
        readonly items: readonly { readonly key: string; readonly path: string }[];
      };
    }[];
  };
  readonly secret?: { readonly secretName: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly [kind: string]: unknown;
}

/** The objects of a YAML stream. Throws: Error where it is no YAML. */
export function manifestsOf(text: string): Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    const value: unknown = document.toJS();
    return value === null ? [] : [value as Manifest];
  });
}

/** `Deployment/keyheat-aggregator`. */
export function nameOf({ kind, metadata }: Manifest): string {
  return `${kind}/${metadata.name}`;
}

/** Those that make pods. */
export function workloads(
  manifests: readonly Manifest[],
): (Manifest & { spec: Spec & { template: PodTemplate } })[] {
  return manifests.filter((manifest): manifest is Manifest & { spec: Spec & { template: PodTemplate } } =>
    Boolean(manifest.spec?.template),
  );
}
