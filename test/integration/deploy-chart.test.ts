// One file for the runner, so that a cold cache builds Helm once: by the first test.
import "./deploy-chart/programs.ts";
import "./deploy-chart/documented.ts";
import "./deploy-chart/examples.ts";
import "./deploy-chart/plain-manifests.ts";
import "./deploy-chart/processes.ts";
import "./deploy-chart/values.ts";
