import Images

/// A picture file of a folder or an archive that was not admitted: its name, and its bytes for whoever wants them.
public struct PictureEntry: Sendable {
  /// The path in the source, with `/`.
  public let name: String
  let content: SourceEntry.Content
  let byteLimit: Int

  /// The bytes of the file; may be called on any thread.
  ///
  /// - Throws: `RefusedEntry`, where it is a link, leads out of the archive, or cannot be read.
  public func bytes() throws(RefusedEntry) -> [UInt8] {
    switch content {
    case .bytes(let bytes): return bytes
    case .file(let path):
      guard let bytes = readFile(path, limit: byteLimit) else {
        throw RefusedEntry(
          code: RejectionCode.unreadable.rawValue, detail: "The file cannot be read.")
      }
      return bytes
    case .refused(let code, let detail):
      throw RefusedEntry(code: code.rawValue, detail: detail)
    case .drawn, .skipped:
      throw RefusedEntry(code: RejectionCode.unreadable.rawValue, detail: "It is no file.")
    }
  }
}

/// Why an entry's bytes are not read.
public struct RefusedEntry: Error, Hashable, Sendable {
  /// A word for programs, as in an admission's report.
  public let code: String
  /// A sentence.
  public let detail: String
}

/// The picture files of a folder or an archive one after the other, by the rules of admission: what systems keep among a
/// user's files and what is no picture by its name and its first bytes is passed over.
public final class PictureEntries {
  /// What tells the source from another, or an archive from itself once changed.
  public let identity: String
  private let reader: any EntryReader
  private let limits: AdmissionLimits
  private var count = 0

  /// Begins reading.
  ///
  /// - Throws: `AdmissionError` where the source cannot be read.
  public init(_ source: DatasetSource, limits: AdmissionLimits) throws(AdmissionError) {
    identity = source.fingerprint
    reader = try source.reader(limits: limits)
    self.limits = limits
  }

  /// The next picture, or nil at the end.
  ///
  /// - Throws: `AdmissionError` where the source is broken or larger than the limits allow.
  public func next() throws(AdmissionError) -> PictureEntry? {
    while let entry = try reader.next() {
      count += 1
      guard count <= limits.entryCount else { throw .tooManyEntries(limit: limits.entryCount) }
      guard reader.byteCount <= limits.totalByteCount else {
        throw .tooManyBytes(limit: limits.totalByteCount)
      }
      if isPicture(entry) {
        return PictureEntry(
          name: entry.name, content: entry.content, byteLimit: limits.image.encodedByteCount)
      }
    }
    return nil
  }

  /// A file of a folder is judged by its name and, where that says nothing, by its first bytes.
  private func isPicture(_ entry: SourceEntry) -> Bool {
    switch entry.content {
    case .skipped, .drawn: return false
    case .refused: return true
    case .bytes(let bytes): return SourcePath.skipReason(name: entry.name, head: bytes) == nil
    case .file(let path):
      if SourcePath.isPictureName(entry.name) { return true }
      let head = ReadableFile(path, followsLinks: false).flatMap {
        $0.bytes(at: 0, count: min(512, $0.byteCount))
      }
      return SourcePath.skipReason(name: entry.name, head: head ?? []) == nil
    }
  }
}

/// The label and the part of each picture, by the folders in all their names together, as admission finds them.
public func labelsAndSplits(of names: [String]) -> [(label: String?, split: Split)] {
  let layout = FolderLayout(names: names)
  return layout.places.map { place in (place.label.map { layout.labels[$0] }, place.split) }
}
