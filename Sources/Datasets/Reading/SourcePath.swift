import Images

/// A path in a source, taken apart at its bytes.
///
/// Never by Swift's characters: "/" before a combining mark is one character with it, and no separator any more.
enum SourcePath {
  /// The components of a relative path without `.`; nil for a path that leaves the source.
  static func components(_ path: String) -> [String]? {
    guard !path.utf8.contains(0), path.utf8.first != UInt8(ascii: "/") else { return nil }
    let parts = path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
      .filter { $0 != "." }
    return parts.contains("..") || parts.isEmpty ? nil : parts
  }

  private static let pictureEndings: Set<String> = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "dib", "tif", "tiff", "heic", "heif",
    "avif", "jp2", "j2k", "jxl", "npy", "ppm", "pgm", "pbm", "pnm", "tga", "ico", "psd", "exr",
    "hdr", "dng", "cr2", "cr3", "nef", "arw", "orf", "raf", "rw2",
  ]

  /// True where the name says that the file is a picture.
  static func isPictureName(_ name: String) -> Bool {
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return false }
    return pictureEndings.contains(String(name[name.utf8.index(after: dot)...]).lowercased())
  }

  /// Why a file that begins with `head` is not looked at as a picture; nil where it is.
  ///
  /// A picture of a format that is not read is looked at, and then rejected by name, whatever it is called.
  static func skipReason(name: String, head: [UInt8]) -> String? {
    if isPictureName(name) || ImageFormat(sniffing: head) != nil { return nil }
    return switch ForeignFormat(sniffing: head)?.content {
    case .picture: nil
    case .archive: "archive"
    case .video: "video"
    case .document, nil: "not a picture"
    }
  }
}

/// Folders and files that systems and programs keep among a user's own, thumbnails and deleted pictures among them.
enum SystemEntry {
  /// Whose the entry is, as the report's reason for skipping it; nil for a user's own.
  ///
  /// Every folder on the way counts: what is in a private folder is private.
  static func reason(_ components: [String]) -> String? {
    for name in components {
      if let reason = reasons[name.lowercased()] { return reason }
      if name.utf8.starts(with: "._".utf8) { return "macOS metadata" }
      if name.utf8.first == UInt8(ascii: ".") { return "hidden" }
    }
    return nil
  }

  private static let owners: [String: [String]] = [
    "macOS metadata": [
      "__macosx", ".ds_store", ".appledouble", ".appledb", ".appledesktop", ".spotlight-v100",
      ".fseventsd", ".temporaryitems", ".documentrevisions-v100", "icon\r",
      "network trash folder", "temporary items",
    ],
    "Windows metadata": [
      "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "system volume information",
    ],
    "Synology metadata": ["@eadir", "#snapshot", "@tmp", "@sharebin"],
    "QNAP metadata": [".@__thumb", "@recently-snapshot", ".@upload_cache"],
    "trash": [
      "$recycle.bin", "#recycle", "@recycle", ".trashes", ".trash",
      ".trash-1000", ".dtrash",
    ],
    "file system metadata": ["lost+found", ".snapshot", ".snapshots", ".zfs"],
    "version control": [".git", ".svn", ".hg", ".bzr", ".dvc"],
    "notebook checkpoints": [".ipynb_checkpoints"],
    "thumbnails": [
      ".thumbnails", ".thumbs", ".thumb", ".picasaoriginals", ".picasa.ini", ".xvpics",
    ],
    "synchronisation": [
      ".stfolder", ".stversions", ".sync", ".dropbox.cache", ".dropbox", "$inplace_upgrade",
    ],
  ]

  private static let reasons: [String: String] = owners.reduce(into: [:]) { reasons, owner in
    for name in owner.value { reasons[name] = owner.key }
  }
}
