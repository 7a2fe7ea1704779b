/// Walks a folder in the order of the names' bytes; never follows a link.
final class FolderReader: EntryReader {
  private let root: String
  private let limits: AdmissionLimits
  /// Paths below the root still to visit, the next one last.
  private var waiting: [String]
  private(set) var byteCount = 0

  init(path: String, limits: AdmissionLimits) throws(AdmissionError) {
    root = path
    self.limits = limits
    guard let names = namesSorted(in: path) else {
      throw .unreadableSource("The folder cannot be read.")
    }
    waiting = names.reversed()
  }

  func next() throws(AdmissionError) -> SourceEntry? {
    while let name = waiting.popLast() {
      if let entry = visit(name) { return entry }
    }
    return nil
  }

  /// The entry of a path; nil for a folder, whose content is put in line.
  private func visit(_ name: String) -> SourceEntry? {
    let path = root + "/" + name
    guard let found = fileKindAndSize(path) else {
      return SourceEntry(name: name, content: .refused(.unreadable, "It cannot be looked at."))
    }
    if found.isLink {
      return SourceEntry(name: name, content: .refused(.link, "Links are not followed."))
    }
    switch found.kind {
    case .directory:
      guard name.split(separator: "/").count < limits.depth else {
        return SourceEntry(name: name, content: .refused(.unsafePath, limits.depthDetail))
      }
      guard let names = namesSorted(in: path) else {
        return SourceEntry(name: name, content: .refused(.unreadable, "It cannot be listed."))
      }
      waiting += names.reversed().map { name + "/" + $0 }
      return nil
    case .file:
      byteCount += found.byteCount
      return SourceEntry(name: name, content: .file(path: path))
    case .other:
      return SourceEntry(name: name, content: .refused(.notAFile, "It is not a regular file."))
    }
  }
}
