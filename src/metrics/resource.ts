import { packageVersion } from "../runtime/version.ts";

/**
 * Attributes of a process, by which a collector tells its series from those of its like: without an instance, two
 * aggregators would write one counter in turn.
 *
 * Source: OpenTelemetry semantic conventions, service attributes.
 */
export function serviceResource(name: string, instance: string): Readonly<Record<string, string>> {
  return { "service.name": name, "service.version": packageVersion(), "service.instance.id": instance };
}
