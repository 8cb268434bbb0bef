import Config
import Operators
import Testing

private let adCampaigns = """
    pipeline: ad-campaign-views
    sources:
      events:
        file: {path: data/ad-events.ndjson}
        format: json
        schema:
          user_id: string
          ad_id: string
          event_type: string
          event_time: timestamp(ms)
        event_time: {column: event_time, max_out_of_orderness: 2s}
    tables:
      campaigns:
        file: {path: data/campaigns.csv}
        format: csv
        schema: {ad_id: string, campaign_id: string}
        key: [ad_id]
    steps:
      views:
        from: events
        where: event_type = 'view'
        select: [ad_id]
      enriched:
        from: views
        join: {table: campaigns, match: [ad_id]}
      per_campaign:
        from: enriched
        aggregate:
          window: {tumbling: 10s}
          group_by: [campaign_id]
          compute: {views: count(*), last_view: max(rowtime)}
    sinks:
      counts: {from: per_campaign, file: {path: out/counts.ndjson}, format: json}
      late: {from: per_campaign.late, file: {path: out/late.ndjson}, format: json}
    settings: {checkpoint_interval: 500ms, memory_max: 64MiB}
    """

@Suite("Spec loader")
struct SpecLoaderTests {
    @Test("reads the benchmark from its source to its sinks")
    func benchmark() throws {
        let result = load(adCampaigns)
        #expect(result.diagnostics.isEmpty)
        #expect(result.failed.isEmpty)
        let spec = try #require(result.pipelines.first)
        #expect(spec.name == "ad-campaign-views")
        #expect(spec.steps.map(\.name) == ["views", "enriched", "per_campaign"])
        #expect(spec.settings.checkpointIntervalMicros == 500_000)
        #expect(spec.settings.memoryBytesMax == 64 << 20)

        let source = try #require(spec.sources.first)
        #expect(source.fields.map(\.ordinal) == [0, 1, 2, 3])
        #expect(source.fields[3].timestamp == .integer(unitsPerSecond: 1000))
        #expect(source.eventTime.maxOutOfOrdernessMicros == 2_000_000)
        #expect(source.eventTime.maxFutureMicros == 300_000_000)

        guard case .aggregate(let aggregate) = spec.steps[2].verb else {
            Issue.record("no aggregate")
            return
        }
        #expect(
            aggregate.window
                == .hopping(
                    sizeMicros: 10_000_000, everyMicros: 10_000_000, offsetMicros: 0))
        #expect(aggregate.calls.map(\.function) == [.countRows, .max])
        #expect(
            spec.steps[2].output.schema.fields.map(\.name)
                == ["campaign_id", "window_start", "window_end", "views", "last_view"])
        #expect(spec.steps[2].output.change == .append)
        #expect(spec.sinks[1].input == NodeReference(node: "per_campaign", port: .late))
        #expect(spec.sinks[1].inputSchema.fields.map(\.name) == ["ad_id", "campaign_id"])
    }
}
