import FoundationEssentials
import Glibc
import Images
import Threads

/// How far an admission has come.
public struct AdmissionProgress: Hashable, Sendable {
  /// Entries dealt with.
  public var entries = 0
  /// Pictures accepted.
  public var accepted = 0
  /// Entries rejected.
  public var rejected = 0
  /// Bytes of the pack written.
  public var byteCount = 0

  /// Nothing yet.
  public init() {}
}

/// Turns a folder or an archive into a pack with a report, in one pass over the source.
///
/// `directory` appears with the files `pack`, `index` and `report.json` all at once, or not at all: they
/// are written in a folder beside it that is renamed in the end. The result does not depend on
/// `threads`. `progress` is called every 256 entries, and first of all where an earlier admission goes on, from one
/// thread at a time.
///
/// When the process is killed, that folder stays behind, and the same call goes on where it was: pictures that are in
/// the pack are not decoded again, and the result is the same to the bit. Should the source or the limits have changed
/// meanwhile, it begins anew.
/// - Throws: `AdmissionError`; nothing is left behind then.
@discardableResult
public func admit(
  source: DatasetSource, into directory: String, limits: AdmissionLimits = AdmissionLimits(),
  threads: Int = 1, progress: (@Sendable (AdmissionProgress) -> Void)? = nil
) throws(AdmissionError) -> AdmissionReport {
  try PackDirectory.create(at: directory) { (partial) throws(AdmissionError) in
    let fingerprint = "\(source.fingerprint) \(limits)"
    if let earlier = EarlierAdmission(directory: partial, fingerprint: fingerprint),
      let admission = try? Admission(
        continuing: earlier, reader: try source.reader(limits: limits), directory: partial,
        limits: limits, progress: progress),
      let report = try admission.run(threads: max(1, threads))
    {
      return report
    }
    return try Admission(
      reader: try source.reader(limits: limits), directory: try PackDirectory.emptied(partial),
      fingerprint: fingerprint, limits: limits, progress: progress
    ).wholeRun(threads: max(1, threads))
  }
}

extension DatasetSource {
  fileprivate func reader(limits: AdmissionLimits) throws(AdmissionError) -> any EntryReader {
    switch self {
    case .folder(let path): try FolderReader(path: path, limits: limits)
    case .archive(let path): try ArchiveReader(path: path, limits: limits)
    }
  }
}

/// Admits the entries of any reader, from the first on.
func admit(
  _ reader: any EntryReader, into directory: String, limits: AdmissionLimits, threads: Int,
  progress: (@Sendable (AdmissionProgress) -> Void)?
) throws(AdmissionError) -> AdmissionReport {
  try PackDirectory.create(at: directory) { (partial) throws(AdmissionError) in
    try Admission(
      reader: reader, directory: try PackDirectory.emptied(partial), fingerprint: nil,
      limits: limits, progress: progress
    ).wholeRun(threads: max(1, threads))
  }
}

/// A directory that is filled under another name and then renamed.
enum PackDirectory {
  /// Calls `fill` with that name, which may hold what a killed process left.
  static func create(
    at directory: String, _ fill: (String) throws(AdmissionError) -> AdmissionReport
  ) throws(AdmissionError) -> AdmissionReport {
    let partial = directory + ".partial"
    do throws(AdmissionError) {
      let report = try fill(partial)
      AdmissionJournal.remove(from: partial)
      try install(partial, as: directory)
      return report
    } catch {
      removeTree(partial)
      throw error
    }
  }

  /// Makes the directory, with nothing in it; returns its path.
  static func emptied(_ partial: String) throws(AdmissionError) -> String {
    removeTree(partial)
    guard unsafe mkdir(partial, 0o755) == 0 else {
      throw .pack(.system(call: "mkdir", file: "directory", errno: errno))
    }
    return partial
  }

  private static func install(_ partial: String, as directory: String) throws(AdmissionError) {
    do throws(PackError) {
      try synchronizeDirectory(partial)
      guard unsafe rename(partial, directory) == 0 else {
        throw .system(call: "rename", file: "directory", errno: errno)
      }
      try synchronizeDirectory(parent(of: directory))
    } catch { throw .pack(error) }
  }

  private static func parent(of path: String) -> String {
    guard let slash = path.dropLast(path.hasSuffix("/") ? 1 : 0).lastIndex(of: "/") else {
      return "."
    }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}

/// One admission: threads take entries in turn, prepare them on their own and commit them in the
/// source's order.
///
/// Unchecked, because `reader` is used under `taking` only, and `writer` under `committing` only.
private final class Admission: @unchecked Sendable {
  /// The source's side.
  private struct Taking {
    var taken = 0
    var ended = false
    /// The names of the entries that an earlier admission has dealt with.
    var done: [String] = []
  }

  /// The pack's side.
  private struct Committing {
    var waiting: [Int: PreparedEntry] = [:]
    var committed = 0
    var ledger: Ledger
    var failure: AdmissionError?
    /// Set where the source does not begin as it did for the earlier admission.
    var isOtherSource = false
  }

  private let reader: any EntryReader
  private let limits: AdmissionLimits
  private let progress: (@Sendable (AdmissionProgress) -> Void)?
  private let taking: Monitor<Taking>
  private let committing: Monitor<Committing>
  private let directory: String
  private var writer: PackWriter?
  private var journal: AdmissionJournal?

  /// Begins with an empty `directory`; with a fingerprint of the source, a later admission can go on with it.
  init(
    reader: any EntryReader, directory: String, fingerprint: String?, limits: AdmissionLimits,
    progress: (@Sendable (AdmissionProgress) -> Void)?
  ) throws(AdmissionError) {
    (self.reader, self.limits, self.progress) = (reader, limits, progress)
    self.directory = directory
    taking = Monitor(Taking())
    committing = Monitor(Committing(ledger: Ledger(listedNames: limits.listedNames)))
    do throws(PackError) {
      writer = try PackWriter(directory: directory)
      if let fingerprint {
        journal = try AdmissionJournal(directory: directory, fingerprint: fingerprint)
      }
    } catch {
      throw .pack(error)
    }
  }

  /// Goes on where an earlier admission was killed.
  init(
    continuing earlier: EarlierAdmission, reader: any EntryReader, directory: String,
    limits: AdmissionLimits, progress: (@Sendable (AdmissionProgress) -> Void)?
  ) throws(PackError) {
    (self.reader, self.limits, self.progress) = (reader, limits, progress)
    self.directory = directory
    var ledger = Ledger(listedNames: limits.listedNames)
    let pictures = earlier.entries.compactMap { ledger.enter($0) }
    taking = Monitor(Taking(done: earlier.entries.map(\.name)))
    committing = Monitor(Committing(committed: earlier.entries.count, ledger: ledger))
    writer = try PackWriter.continuing(
      directory, pictures: pictures, byteCount: earlier.packByteCount)
    journal = try AdmissionJournal(directory: directory, after: earlier)
  }

  /// The report of an admission that began with the first entry.
  func wholeRun(threads: Int) throws(AdmissionError) -> AdmissionReport {
    guard let report = try run(threads: threads) else {
      preconditionFailure("Nothing was done before.")
    }
    return report
  }

  /// Admits the rest of the source; nil where it is not the one that the earlier admission read.
  func run(threads: Int) throws(AdmissionError) -> AdmissionReport? {
    let window = 4 * threads + 8
    committing.withLock { if $0.committed > 0 { tell($0) } }
    let group = ThreadGroup(count: threads) { [self] _ in
      while let (number, entry) = take() {
        let prepared = PreparedEntry(entry, limits: limits)
        committing.wait(until: { number < $0.committed + window || $0.failure != nil }) {
          $0.waiting[number] = prepared
          commitWaiting(&$0)
        }
      }
    }
    group.join()
    if committing.withLock({ $0.isOtherSource }) { return nil }
    if let failure = committing.withLock({ $0.failure }) { throw failure }
    return try finish()
  }

  /// The next entry with its number; nil at the end or after a failure.
  private func take() -> (Int, SourceEntry)? {
    guard committing.withLock({ $0.failure == nil }) else { return nil }
    return taking.withLock { state in
      guard !state.ended else { return nil }
      do throws(AdmissionError) {
        guard try skipDone(&state) else {
          state.ended = true
          committing.withLock { $0.isOtherSource = true }
          return nil
        }
        guard let entry = try reader.next() else {
          state.ended = true
          return nil
        }
        guard state.taken < limits.entryCount else {
          throw .tooManyEntries(limit: limits.entryCount)
        }
        guard reader.byteCount <= limits.totalByteCount else {
          throw .tooManyBytes(limit: limits.totalByteCount)
        }
        state.taken += 1
        return (state.taken - 1, entry)
      } catch {
        state.ended = true
        committing.withLock { $0.failure = $0.failure ?? error }
        return nil
      }
    }
  }

  /// Passes over what was dealt with before; false where the source's entries have other names.
  private func skipDone(_ state: inout Taking) throws(AdmissionError) -> Bool {
    while state.taken < state.done.count {
      guard let entry = try reader.next() else { return false }
      let name = state.done[state.taken]
      guard entry.name == name || entry.name.utf8.count > limits.pathByteCount else { return false }
      state.taken += 1
    }
    return true
  }

  /// Everything that is next in line goes to the pack.
  private func commitWaiting(_ state: inout Committing) {
    while state.failure == nil, let entry = state.waiting.removeValue(forKey: state.committed) {
      do throws(PackError) {
        if let picture = state.ledger.enter(entry) { try writer?.append(picture) }
        journal?.add(entry)
        state.committed += 1
        guard state.committed % 256 == 0 else { continue }
        try writer?.flush()
        try journal?.commit(packByteCount: writer?.byteCount ?? 0)
        tell(state)
      } catch { state.failure = .pack(error) }
    }
  }

  private func tell(_ state: Committing) {
    let report = state.ledger.report
    var told = AdmissionProgress()
    told.entries = state.committed
    (told.accepted, told.rejected) = (report.accepted, report.rejectedCount)
    told.byteCount = writer?.byteCount ?? 0
    progress?(told)
  }

  private func finish() throws(AdmissionError) -> AdmissionReport {
    let (ledger, state) = committing.withLock { ($0.ledger, $0) }
    tell(state)
    guard ledger.report.accepted > 0 else { throw .noPictures(ledger.report) }
    guard var writer = writer.take() else { preconditionFailure("An admission ends once.") }
    let places = FolderPlaces(names: ledger.names)
    for (index, place) in places.places.enumerated() {
      writer.assign(label: place.label, split: place.split, to: index)
    }
    var report = ledger.report(with: places)
    report.packByteCount = writer.byteCount
    report.identity = writer.identityText
    do throws(PackError) {
      try writer.finish(labels: places.labels)
      var file = try OutputFile(path: directory + "/report.json", name: "report.json")
      try file.write(report.json())
      try file.finish()
    } catch { throw .pack(error) }
    return report
  }
}

extension AdmissionReport {
  /// The report as JSON, its keys sorted.
  public func json() -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else {
      preconditionFailure("A report is made of text and numbers only.")
    }
    return Array(data)
  }

  /// Reads the report of the pack in `directory`; nil where there is none that can be read.
  public init?(packDirectory directory: String) {
    guard let bytes = readFile(directory + "/report.json", limit: 1 << 28),
      let report = try? JSONDecoder().decode(AdmissionReport.self, from: Data(bytes))
    else { return nil }
    self = report
  }
}
