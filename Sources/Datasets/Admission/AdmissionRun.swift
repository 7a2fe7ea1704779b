import Durability
import Images
import Threads

/// One admission: threads take entries in turn, prepare them on their own and commit them in the
/// source's order.
///
/// Unchecked, because `reader` is used under `taking` only, and `writer` under `committing` only.
final class Admission: @unchecked Sendable {
  /// What came of the entries.
  enum Outcome {
    case report(AdmissionReport)
    /// The source does not begin as it did for the earlier admission.
    case otherSource
    /// Most pictures have this many channels, which others than the accepted ones have.
    case otherChannels(Int)
  }

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
  private let fileSystem: any FileSystem
  private let memory: DecodingMemory
  private var writer: PackWriter?
  private var journal: AdmissionJournal?

  /// Begins with an empty `directory`; with a fingerprint of the source, a later admission can go on with it.
  init(
    reader: any EntryReader, directory: String, fingerprint: String?, limits: AdmissionLimits,
    channels: Int?, fileSystem: any FileSystem,
    progress: (@Sendable (AdmissionProgress) -> Void)?
  ) throws(AdmissionError) {
    (self.reader, self.limits, self.progress) = (reader, limits, progress)
    (self.directory, self.fileSystem) = (directory, fileSystem)
    memory = DecodingMemory(byteLimit: limits.decodingByteCount)
    taking = Monitor(Taking())
    committing = Monitor(
      Committing(ledger: Ledger(listedNames: limits.listedNames, channels: channels)))
    do throws(PackError) {
      writer = try PackWriter(directory: directory, fileSystem)
      if let fingerprint {
        journal = try AdmissionJournal(directory: directory, fingerprint: fingerprint, fileSystem)
      }
    } catch {
      throw .pack(error)
    }
  }

  /// Goes on where an earlier admission was killed.
  init(
    continuing earlier: EarlierAdmission, reader: any EntryReader, directory: String,
    limits: AdmissionLimits, fileSystem: any FileSystem,
    progress: (@Sendable (AdmissionProgress) -> Void)?
  ) throws(PackError) {
    (self.reader, self.limits, self.progress) = (reader, limits, progress)
    (self.directory, self.fileSystem) = (directory, fileSystem)
    memory = DecodingMemory(byteLimit: limits.decodingByteCount)
    var ledger = Ledger(listedNames: limits.listedNames, channels: nil)
    let pictures = earlier.entries.compactMap { ledger.enter($0) }
    taking = Monitor(Taking(done: earlier.entries.map(\.name)))
    committing = Monitor(Committing(committed: earlier.entries.count, ledger: ledger))
    writer = try PackWriter.continuing(
      directory, pictures: pictures, byteCount: earlier.packByteCount, fileSystem)
    journal = try AdmissionJournal(directory: directory, after: earlier, fileSystem)
  }

  /// Admits the rest of the source.
  func run(threads: Int) throws(AdmissionError) -> Outcome {
    // Entries that wait for an earlier one to be committed; it bounds what a slow first one lets pile up.
    let window = 4 * threads + 8
    committing.withLock { if $0.committed > 0 { tell($0) } }
    let group = ThreadGroup(count: threads) { [self] _ in
      while let (number, entry) = take() {
        let prepared = PreparedEntry(entry, limits: limits, memory: memory)
        committing.wait(until: { number < $0.committed + window || $0.failure != nil }) {
          $0.waiting[number] = prepared
          commitWaiting(&$0)
        }
      }
    }
    group.join()
    if committing.withLock({ $0.isOtherSource }) { return .otherSource }
    if let failure = committing.withLock({ $0.failure }) { throw failure }
    if let most = committing.withLock({ $0.ledger.otherMajority }) { return .otherChannels(most) }
    return .report(try finish())
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
      guard entry.name.utf8.elementsEqual(name.utf8) || entry.name.utf8.count > limits.pathByteCount
      else { return false }
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
    guard ledger.report.accepted > 0 else {
      var report = ledger.report
      report.archiveFaults = reader.faults
      throw .noPictures(report)
    }
    guard var writer = writer.take() else { preconditionFailure("An admission ends once.") }
    let layout = FolderLayout(names: ledger.names)
    for (index, place) in layout.places.enumerated() {
      writer.assign(label: place.label, split: place.split, to: index)
    }
    var report = ledger.report(with: layout, faults: reader.faults)
    report.packByteCount = writer.byteCount
    report.identity = writer.identityText
    do throws(PackError) {
      try writer.finish(labels: layout.labels)
      var file = try OutputFile("report.json", in: directory, fileSystem)
      try file.write(report.json())
      try file.finish()
    } catch { throw .pack(error) }
    return report
  }
}
