import {
  type Dashboard,
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder } from "@grafana/grafana-foundation-sdk/timeseries";

/** One graph: what it shows, in which of Grafana's units, and its lines as PromQL and legend. */
export interface Graph {
  readonly title: string;
  readonly unit: "short" | "ops" | "s" | "ms" | "bytes" | "Bps" | "percentunit" | "currencyUSD" | "dateTimeFromNow";
  readonly about: string;
  readonly lines: readonly (readonly [expr: string, legend: string])[];
}

export interface Section {
  readonly title: string;
  readonly graphs: readonly Graph[];
}

/** The processes that a dashboard shows are chosen by whoever looks at it. */
export const CHOSEN = 'instance=~"$instance"';
const SOURCE = { type: "prometheus", uid: "$datasource" };
const COLUMNS = 2;
const [WIDTH, HEIGHT] = [24 / COLUMNS, 8];

/** The 50th and 95th percentile of a histogram. */
export function percentiles(metric: string, by?: string): Graph["lines"] {
  const labels = by === undefined ? "le" : `le, ${by}`;
  const legend = by === undefined ? "" : ` {{${by}}}`;
  return [50, 95].map((percent) => [
    `histogram_quantile(0.${percent}, sum by (${labels}) (rate(${metric}_bucket{${CHOSEN}}[$__rate_interval])))`,
    `p${percent}${legend}`,
  ]);
}

/** A counter's rate a second, one line for each value of `by`. */
export function rates(counter: string, by: string): Graph["lines"] {
  return [[`sum by (${by}) (rate(${counter}{${CHOSEN}}[$__rate_interval]))`, `{{${by}}}`]];
}

/** As it is, one line for each process, or for each value of `by` there. */
export function values(metric: string, by?: string): Graph["lines"] {
  return [[`${metric}{${CHOSEN}}`, by === undefined ? "{{instance}}" : `{{instance}} {{${by}}}`]];
}

/** `from` is a metric of every process that the dashboard is about. */
export function dashboard(name: string, title: string, from: string, sections: readonly Section[]): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(`engram-${name}`)
    .tags(["engram"])
    .refresh("30s")
    .time({ from: "now-6h", to: "now" })
    .timezone("browser")
    .withVariable(new DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus"))
    .withVariable(
      new QueryVariableBuilder("instance")
        .label("Process")
        .datasource(SOURCE)
        .query(`label_values(${from}, instance)`)
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .includeAll(true)
        .allValue(".*")
        .current({ text: ["All"], value: ["$__all"] })
        .multi(true),
    );
  for (const { title: heading, graphs } of sections) {
    builder.withRow(new RowBuilder(heading));
    for (const graph of graphs) builder.withPanel(panelOf(graph));
  }
  return builder.build();
}

function panelOf({ title, unit, about, lines }: Graph): PanelBuilder {
  const panel = new PanelBuilder()
    .title(title)
    .description(about)
    .datasource(SOURCE)
    .unit(unit)
    .min(0)
    .span(WIDTH)
    .height(HEIGHT);
  for (const [index, [expr, legend]] of lines.entries()) {
    const query = new DataqueryBuilder().refId(String.fromCharCode(65 + index)).datasource(SOURCE);
    panel.withTarget(query.expr(expr).legendFormat(legend));
  }
  return panel;
}
