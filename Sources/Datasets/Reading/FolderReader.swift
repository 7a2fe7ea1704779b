/// Walks a folder in the order of the names' bytes; never follows a link.
final class FolderReader: EntryReader {
  private let root: BytePath
  private let limits: AdmissionLimits
  /// Paths below the root still to visit, the next one last: their components as bytes.
  private var waiting: [[[UInt8]]]
  private(set) var byteCount = 0

  init(path: String, limits: AdmissionLimits) throws(AdmissionError) {
    root = BytePath(path)
    self.limits = limits
    guard let names = namesSorted(in: root) else {
      throw .unreadableSource("The folder cannot be read.")
    }
    waiting = names.reversed().map { [$0] }
  }

  func next() throws(AdmissionError) -> SourceEntry? {
    while let parts = waiting.popLast() {
      if let entry = visit(parts) { return entry }
    }
    return nil
  }

  /// The entry of a path; nil for a folder, whose content is put in line.
  private func visit(_ parts: [[UInt8]]) -> SourceEntry? {
    // The file is opened by its bytes; the text is only what people see.
    let path = parts.reduce(root) { $0.appending($1) }
    let texts = parts.map { EntryName.text($0, otherwise: .percent) }
    let name = texts.joined(separator: "/")
    guard let found = fileKindAndSize(path) else {
      return .refused(name, .unreadable, "It cannot be looked at.")
    }
    let isFolder = found.kind == .directory && !found.isLink
    if !isFolder, let reason = SystemEntry.reason(texts) {
      return SourceEntry(name: name, content: .skipped(reason))
    }
    if found.isLink { return .refused(name, .link, "Links are not followed.") }
    switch found.kind {
    case .directory:
      guard parts.count < limits.depth else {
        return .refused(name, .unsafePath, limits.depthDetail)
      }
      guard let names = namesSorted(in: path) else {
        return .refused(name, .unreadable, "It cannot be listed.")
      }
      waiting += names.reversed().map { parts + [$0] }
      return nil
    case .file:
      byteCount += found.byteCount
      return SourceEntry(name: name, content: .file(path: path))
    case .other: return .refused(name, .notAFile, "It is not a regular file.")
    }
  }
}
