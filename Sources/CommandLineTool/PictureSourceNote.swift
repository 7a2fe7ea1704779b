import Foundation

/// What a folder or an archive of pictures looked like when it was admitted, to tell later whether it has changed.
struct PictureSourceNote: Hashable, Codable {
  /// The absolute path, links followed.
  var path: String
  /// Files in the folder and below; 1 for an archive.
  var fileCount: Int
  /// Bytes of all files.
  var byteCount: Int

  /// Files that are counted at most; beyond, a change may go unnoticed.
  static let greatestFileCount = 2_000_000

  init(path: String, fileCount: Int, byteCount: Int) {
    self.path = path
    self.fileCount = fileCount
    self.byteCount = byteCount
  }

  /// What is at a path now.
  init(of path: String) {
    let url = URL(filePath: path).resolvingSymlinksInPath()
    self.init(path: url.path, fileCount: 0, byteCount: 0)
    let isFolder = (try? url.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) ?? false
    guard isFolder else {
      count(url)
      return
    }
    let keys: [URLResourceKey] = [.isRegularFileKey, .fileSizeKey]
    let files = FileManager.default.enumerator(at: url, includingPropertiesForKeys: keys)
    while fileCount < Self.greatestFileCount, let file = files?.nextObject() as? URL { count(file) }
  }

  private mutating func count(_ file: URL) {
    guard let values = try? file.resourceValues(forKeys: [.isRegularFileKey, .fileSizeKey]),
      values.isRegularFile == true
    else { return }
    fileCount += 1
    byteCount += values.fileSize ?? 0
  }

  /// How what is there now differs, in a sentence; nil where it does not.
  func change(to now: PictureSourceNote) -> String? {
    if path != now.path {
      return "They came from \(path), and --pictures is now \(now.path)."
    }
    guard self != now else { return nil }
    return "\(path) has changed since: \(fileCount) files of \(byteCount) bytes then, "
      + "\(now.fileCount) of \(now.byteCount) bytes now."
  }
}
