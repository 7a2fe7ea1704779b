import Durability
public import Identifiers
public import Runs
import Synchronization
import Threads

/// How the disk of the data folder is looked at.
public struct DiskUsageLimits: Sendable {
  /// Files and folders that one measurement looks at; it is incomplete beyond.
  public var entries = 1_000_000
  /// The largest datasets, runs and indexes that the status names, of each; the rest is a sum.
  public var named = 100
  /// The least time between two measurements.
  public var pause: Duration = .seconds(30)

  /// The defaults.
  public init() {}
}

/// The bytes that datasets, runs and indexes take on disk.
public struct DiskReading: Sendable, Hashable {
  /// The bytes of what has an identifier.
  public struct Item: Sendable, Hashable {
    /// The identifier.
    public var id: String
    /// Its bytes on disk.
    public var byteCount: Int
  }

  /// When it was measured.
  public var at: Timestamp
  /// Datasets, the largest first.
  public var datasets: [Item] = []
  /// Runs, the largest first.
  public var runs: [Item] = []
  /// Indexes, the largest first.
  public var indexes: [Item] = []
  /// The database of the runs.
  public var databaseByteCount = 0
  /// What is on its way in or out: names that begin with a dot.
  public var unfinishedByteCount = 0
  /// Everything else in the folder.
  public var otherByteCount = 0
  /// Whether everything was looked at.
  public var isComplete = true
}

/// Measures a data folder now and then on a thread of its own, and keeps what it found: nobody waits for a disk.
public final class DiskUsage: Sendable {
  private struct State {
    var reading: DiskReading?
    var endedAt: ContinuousClock.Instant?
    var isMeasuring = false
  }

  /// The data folder.
  public let folder: String
  let limits: DiskUsageLimits
  private let clock: RunClock
  private let desk = MeasuringDesk()
  private let state = Mutex(State())

  /// What measures a folder; nothing is measured before it is asked for.
  public init(
    folder: String, limits: DiskUsageLimits = DiskUsageLimits(), clock: RunClock = RunClock()
  ) {
    (self.folder, self.limits, self.clock) = (folder, limits, clock)
  }

  /// What the last measurement found, nil before the first one has ended. Where it is older than the pause, another begins,
  /// which a later call will see; never two at once.
  public func latest() -> DiskReading? {
    let now = clock.instant()
    let (reading, isDue) = state.withLock { state in
      let isFresh = state.endedAt.map { now - $0 < limits.pause } ?? false
      let isDue = !state.isMeasuring && !isFresh
      if isDue { state.isMeasuring = true }
      return (state.reading, isDue)
    }
    if isDue { Task { await self.measure() } }
    return reading
  }

  /// Measures and waits for the end.
  func measure() async {
    let reading = await desk.reading(
      of: folder, entries: limits.entries, at: clock.timeOfDay())
    let ended = clock.instant()
    state.withLock { $0 = State(reading: reading, endedAt: ended) }
  }
}

/// Reads folders on a thread of its own.
private actor MeasuringDesk {
  private let executor = ThreadExecutor(name: "disk usage")

  nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  func reading(of folder: String, entries: Int, at time: Timestamp) -> DiskReading {
    var count = DiskCount(budget: entries)
    var reading = DiskReading(at: time)
    for name in (try? DiskFileSystem().names(in: folder)) ?? [] {
      let path = folder + "/" + name
      switch name {
      case "datasets": reading.datasets = items(in: path, &count, &reading.unfinishedByteCount)
      case "runs": reading.runs = items(in: path, &count, &reading.unfinishedByteCount)
      case "indexes": reading.indexes = items(in: path, &count, &reading.unfinishedByteCount)
      case "byol.sqlite", "byol.sqlite-wal", "byol.sqlite-shm":
        reading.databaseByteCount += count.byteCount(of: path)
      default: reading.otherByteCount += count.byteCount(of: path)
      }
    }
    reading.isComplete = !count.isCutShort
    return reading
  }

  /// The bytes of each identifier: an index has some files beside its folder, `ID.json` and others.
  private func items(
    in folder: String, _ count: inout DiskCount, _ unfinished: inout Int
  ) -> [DiskReading.Item] {
    var bytes: [String: Int] = [:]
    for name in (try? DiskFileSystem().names(in: folder)) ?? [] {
      let size = count.byteCount(of: folder + "/" + name)
      let id = String(name.prefix { $0 != "." })
      if id.isEmpty { unfinished += size } else { bytes[id, default: 0] += size }
    }
    return bytes.map { DiskReading.Item(id: $0.key, byteCount: $0.value) }
      .sorted { ($1.byteCount, $0.id) < ($0.byteCount, $1.id) }
  }
}
