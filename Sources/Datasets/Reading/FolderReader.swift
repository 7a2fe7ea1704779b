/// Walks a folder in the order of the names' bytes; never follows a link.
final class FolderReader: EntryReader {
  private let root: BytePath
  private let limits: AdmissionLimits
  /// The folders on the way to the next entry: the names in each that are still to visit, the next one last. So only
  /// one folder per level is held, however many there are.
  private var levels: [(parts: [[UInt8]], waiting: [[UInt8]])]
  private(set) var byteCount = 0

  init(path: String, limits: AdmissionLimits) throws(AdmissionError) {
    root = BytePath(path)
    self.limits = limits
    guard let names = namesSorted(in: root) else {
      throw .unreadableSource("The folder cannot be read.")
    }
    levels = [([], names.reversed())]
  }

  func next() throws(AdmissionError) -> SourceEntry? {
    while !levels.isEmpty {
      // In place: a copy of the level would copy all of its names with each of them.
      guard let name = levels[levels.count - 1].waiting.popLast() else {
        levels.removeLast()
        continue
      }
      if let entry = visit(levels[levels.count - 1].parts + [name]) { return entry }
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
      levels.append((parts, names.reversed()))
      return nil
    case .file:
      byteCount += found.byteCount
      return SourceEntry(name: name, content: .file(path: path))
    case .other: return .refused(name, .notAFile, "It is not a regular file.")
    }
  }
}
