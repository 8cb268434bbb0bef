/// Limits of a topic's logs, and the clock that they go by.
package struct TopicOptions: Sendable {
    /// A segment of this size is sealed at the next commit.
    package var segmentBytesMax: Int64 = 64 << 20
    /// A segment of this age is sealed at the next commit, microseconds.
    package var segmentMicrosMax: Int64 = 86_400_000_000
    /// A segment of so many blocks is sealed at the next commit, so that its places fit in memory.
    package var segmentBlocksMax = 16_384
    /// Producers that are remembered in an ingest partition, for how many and for how long.
    package var producersMax = 1000
    package var producerMicrosMax: Int64 = 7 * 86_400_000_000
    /// Microseconds since the Unix epoch.
    package var clock: @Sendable () -> Int64

    /// From which a new topic numbers its partitions, so that those of a topic that was deleted are not
    /// taken for those of its successor.
    package var random: @Sendable () -> UInt64 = { UInt64.random(in: 1 << 16...1 << 40) }

    package init(clock: @escaping @Sendable () -> Int64) { self.clock = clock }
}
