public import Durability

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
/// All pictures of a pack have as many channels. The first picture's are taken; where it turns out at the end that most
/// have others, the source is read once more for those.
///
/// When the process is killed, the folder beside stays behind, and the same call goes on where it was: pictures that are in
/// the pack are not decoded again, and the result is the same to the bit. Should the source or the limits have changed
/// meanwhile, it begins anew.
/// - Throws: `AdmissionError`; nothing is left behind then, unless the disk does not let it be removed.
@discardableResult
public func admit(
  source: DatasetSource, into directory: String, limits: AdmissionLimits = AdmissionLimits(),
  threads: Int = 1, fileSystem: any FileSystem = DiskFileSystem(),
  progress: (@Sendable (AdmissionProgress) -> Void)? = nil
) throws(AdmissionError) -> AdmissionReport {
  try PackWriting(
    directory: directory, fingerprint: "\(source.fingerprint) \(limits)", limits: limits,
    threads: threads, fileSystem: fileSystem, progress: progress
  ).write { () throws(AdmissionError) in try source.reader(limits: limits) }
}

/// The way from a reader of entries to a directory with a pack.
struct PackWriting {
  var directory: String
  /// What tells the source from others, so that a killed admission can be gone on with; nil for never.
  var fingerprint: String?
  var limits: AdmissionLimits
  var threads: Int
  var fileSystem: any FileSystem
  var progress: (@Sendable (AdmissionProgress) -> Void)?

  /// Where the pack is written until it is whole; it may hold what a killed process left.
  private var partial: String { directory + ".partial" }

  /// Admits what `makeReader` reads, which is called again for each pass.
  func write(
    _ makeReader: () throws(AdmissionError) -> any EntryReader
  ) throws(AdmissionError) -> AdmissionReport {
    do throws(AdmissionError) {
      let report = try fill(makeReader)
      try install()
      return report
    } catch {
      // A disk that does not let itself be written may not let itself be tidied either; the first error tells more.
      try? fileSystem.removeAll(partial)
      throw error
    }
  }

  private func fill(
    _ makeReader: () throws(AdmissionError) -> any EntryReader
  ) throws(AdmissionError) -> AdmissionReport {
    var outcome = try goneOn(makeReader)
    var channels: Int?
    while true {
      switch outcome {
      case .report(let report)?: return report
      case .otherChannels(let most)?: channels = most
      case .otherSource?, nil: channels = nil
      }
      try empty()
      let admission = try Admission(
        reader: try makeReader(), directory: partial,
        // Only the first pass can be gone on with: which one a killed process was in is not noted.
        fingerprint: channels == nil ? fingerprint : nil, limits: limits, channels: channels,
        fileSystem: fileSystem, progress: progress)
      outcome = try admission.run(threads: max(1, threads))
    }
  }

  /// The outcome of going on with what a killed process left; nil where there is nothing of this source.
  private func goneOn(
    _ makeReader: () throws(AdmissionError) -> any EntryReader
  ) throws(AdmissionError) -> Admission.Outcome? {
    guard let fingerprint,
      let earlier = EarlierAdmission(directory: partial, fingerprint: fingerprint),
      let admission = try? Admission(
        continuing: earlier, reader: try makeReader(), directory: partial, limits: limits,
        fileSystem: fileSystem, progress: progress)
    else { return nil }
    return try admission.run(threads: max(1, threads))
  }

  /// Makes the partial directory, with nothing in it.
  private func empty() throws(AdmissionError) {
    try writing { () throws(FileSystemError) in
      try fileSystem.removeAll(partial)
      try fileSystem.createDirectory(partial)
    }
  }

  /// Gives the whole pack its name. Its files are on the disk already; here their names get there, then the folder's own.
  private func install() throws(AdmissionError) {
    do throws(PackError) { try AdmissionJournal.remove(from: partial, fileSystem) } catch {
      throw .pack(error)
    }
    try writing { () throws(FileSystemError) in
      try fileSystem.synchronizeDirectory(partial)
      try fileSystem.rename(partial, to: directory)
    }
    do throws(AdmissionError) {
      try writing { () throws(FileSystemError) in
        try fileSystem.synchronizeDirectory(PackWriting.parent(of: directory))
      }
    } catch {
      // The name may be gone after a power cut. Whoever is told of a failure must not find a pack later.
      try? fileSystem.removeAll(directory)
      throw error
    }
  }

  private func writing(_ body: () throws(FileSystemError) -> Void) throws(AdmissionError) {
    do throws(PackError) { try naming("directory", body) } catch { throw .pack(error) }
  }

  private static func parent(of path: String) -> String {
    guard let slash = path.dropLast(path.hasSuffix("/") ? 1 : 0).lastIndex(of: "/") else {
      return "."
    }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
