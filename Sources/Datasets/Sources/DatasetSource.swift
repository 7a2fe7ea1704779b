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

/// One thing found in a source.
struct SourceEntry {
  enum Content {
    /// All bytes, read from an archive.
    case bytes([UInt8])
    /// A file of a folder, to be read by whoever wants its bytes.
    case file(path: String)
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

/// Yields the entries of a source one after the other; used under a lock.
protocol EntryReader: AnyObject {
  /// The next entry, or nil at the end.
  func next() throws(AdmissionError) -> SourceEntry?
  /// Bytes read so far, archives after decompression.
  var byteCount: Int { get }
}

/// A path in a source, taken apart.
enum SourcePath {
  /// The components of a relative path without `.`; nil for a path that leaves the source.
  static func components(_ path: String) -> [String]? {
    guard !path.utf8.contains(0), !path.hasPrefix("/"), !path.contains("\\") else { return nil }
    let parts = path.split(separator: "/").map(String.init).filter { $0 != "." }
    return parts.contains("..") || parts.isEmpty ? nil : parts
  }

  /// Hidden files, and what desktops leave behind.
  static func isHidden(_ components: [String]) -> Bool {
    components.contains { $0.hasPrefix(".") || $0 == "__MACOSX" }
      || ["Thumbs.db", "desktop.ini"].contains(components.last)
  }

  private static let pictureExtensions: Set<String> = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "dib", "tif", "tiff", "heic", "heif",
    "avif", "jp2", "j2k", "jxl", "npy", "ppm", "pgm", "pbm", "pnm", "tga", "ico", "psd", "exr",
    "hdr",
  ]

  /// True where the name says that the file is a picture.
  static func isPictureName(_ name: String) -> Bool {
    guard let dot = name.lastIndex(of: ".") else { return false }
    return pictureExtensions.contains(name[name.index(after: dot)...].lowercased())
  }
}
