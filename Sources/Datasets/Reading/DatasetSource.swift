import Images

/// Where a data set comes from.
public enum DatasetSource: Hashable, Sendable {
  /// A folder; links in it are not followed.
  case folder(path: String)
  /// A tar (plain, gzip or zstd) or zip file; its kind is judged by its bytes.
  case archive(path: String)

  /// The folder or archive at `path`.
  ///
  /// - Throws: `unreadableSource`, when nothing is there or it is neither a folder nor a file.
  public init(path: String) throws(AdmissionError) {
    switch fileKind(path) {
    case .directory: self = .folder(path: path)
    case .file: self = .archive(path: path)
    case .other, nil: throw .unreadableSource("There is no folder and no archive at this path.")
    }
  }
}

extension DatasetSource {
  /// What tells the source from another, or from itself once changed: for an archive the path, the size and the time
  /// of its last change; for a folder the path alone, as its entries are compared one by one.
  var fingerprint: String {
    switch self {
    case .folder(let path): "folder \(path)"
    case .archive(let path): "archive \(path) \(fileVersion(path) ?? "")"
    }
  }
}

extension DatasetSource {
  /// Begins reading; an archive's kind is judged by its bytes.
  func reader(limits: AdmissionLimits) throws(AdmissionError) -> any EntryReader {
    switch self {
    case .folder(let path): return try FolderReader(path: path, limits: limits)
    case .archive(let path):
      guard let file = ReadableFile(BytePath(path), followsLinks: true),
        let head = file.bytes(at: 0, count: 512)
      else { throw .unreadableSource("The archive cannot be read.") }
      if ZipReader.begins(head) || DatasetSource.isProgramWithZip(file, head: head) {
        return try ZipReader(file, limits: limits)
      }
      return try TarReader(path: path, byteCount: file.byteCount, limits: limits)
    }
  }

  /// True for a zip that unpacks itself: a program with a zip behind it. A tar may hold a zip too, but does not end with it.
  private static func isProgramWithZip(_ file: ReadableFile, head: [UInt8]) -> Bool {
    let isProgram =
      head.starts(with: "MZ".utf8) || head.starts(with: [0x7F] + "ELF".utf8)
      || head.starts(with: "#!".utf8)
    guard isProgram else { return false }
    let found = try? ZipDirectory(in: file, before: file.byteCount, entryLimit: .max)
    return found?.end == file.byteCount
  }
}

/// One thing found in a source.
struct SourceEntry {
  enum Content {
    /// All bytes, read from an archive.
    case bytes([UInt8])
    /// A file of a folder, to be read by whoever wants its bytes.
    case file(path: BytePath)
    /// A picture that is drawn by whoever wants it.
    case drawn(@Sendable () -> Raster)
    /// Not to be read, for a reason that goes to the report.
    case refused(RejectionCode, String)
    /// Neither read nor a picture.
    case skipped(String)
  }

  /// The path in the source, with `/`.
  var name: String
  var content: Content
}

extension SourceEntry {
  /// The entry under a name that an archive gives, whose bytes `content` reads; what must not or need not be read is not.
  init<Failure: Error>(
    archived name: String, content: () throws(Failure) -> Content
  ) throws(Failure) {
    self.name = name
    guard let parts = SourcePath.components(name) else {
      self.content = .refused(.unsafePath, "The path leads out of the archive.")
      return
    }
    if let reason = SystemEntry.reason(parts) {
      self.content = .skipped(reason)
    } else {
      self.content = try content()
    }
  }

  static func refused(_ name: String, _ code: RejectionCode, _ detail: String) -> SourceEntry {
    SourceEntry(name: name, content: .refused(code, detail))
  }
}

/// Yields the entries of a source one after the other; used under a lock.
protocol EntryReader: AnyObject {
  /// The next entry, or nil at the end.
  func next() throws(AdmissionError) -> SourceEntry?
  /// Bytes read so far, archives after decompression.
  var byteCount: Int { get }
  /// What is wrong with the archive as a whole, as far as it has been read.
  var faults: [ArchiveFault] { get }
}

extension EntryReader {
  var faults: [ArchiveFault] { [] }
}
