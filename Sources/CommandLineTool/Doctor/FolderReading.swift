import Durability
import Foundation
import RunDatabase

/// The data folder as the doctor finds it.
struct FolderReading {
  let path: String
  private let files = FileManager.default

  init(path: String) { self.path = URL(fileURLWithPath: path).standardizedFileURL.path }

  /// Whether a service uses the folder, and the number of its process.
  var service: pid_t? {
    let lockPath = path + "/service.lock"
    guard files.fileExists(atPath: lockPath) else { return nil }
    // Not being able to lock is what tells; the lock of a folder that is free is let go at once.
    if let lock = try? FileLock(path: lockPath) {
      lock.release()
      return nil
    }
    return FileLock.notedProcess(path: lockPath)
  }

  /// What is said of the folder, its disk and its database.
  func findings() -> [Finding] { [permissions(), disk(), database()].compactMap(\.self) }

  /// The folder, or where it is missing the nearest one above it, in which it would be made.
  private var place: String {
    var place = path
    while !files.fileExists(atPath: place), place != "/" {
      place = URL(fileURLWithPath: place).deletingLastPathComponent().path
    }
    return place
  }

  /// Writes, flushes, renames and removes a file, as the service does.
  private func permissions() -> Finding {
    let name = "data folder"
    let place = place
    let disk = DiskFileSystem()
    let probe = place + "/.byol-doctor-\(getpid())"
    do throws(FileSystemError) {
      try disk.writeFile(probe, [1])
      try disk.rename(probe, to: probe + ".renamed")
      try disk.synchronizeDirectory(place)
      try disk.remove(probe + ".renamed")
    } catch {
      try? disk.remove(probe)
      let attributes = try? files.attributesOfItem(atPath: place)
      let owner = attributes?[.ownerAccountID] as? NSNumber
      return .fail(
        name, "\(place) cannot be written: \(error.reason)",
        advice: "This process is user \(geteuid()), the folder belongs to user "
          + "\(owner?.stringValue ?? "?"); say chown -R \(geteuid()) \(place), or name another with --data."
      )
    }
    if place != path { return .ok(name, "\(path) will be made in \(place)") }
    if let service { return .ok(name, "\(path), used by the service of process \(service)") }
    return .ok(name, "\(path) can be written")
  }

  private func disk() -> Finding {
    guard let space = DiskSpace(at: place), space.totalByteCount > 0 else {
      return .warn("disk", "the system does not tell", advice: "Look at df \(place).")
    }
    let detail =
      "\(inWords(bytes: space.freeByteCount)) of \(inWords(bytes: space.totalByteCount)) free"
    if space.freeByteCount < 256 << 20 {
      return .fail("disk", detail, advice: "Make room; byol gc --dry-run shows what can go.")
    }
    if space.freeByteCount < 4 << 30 {
      return .warn(
        "disk", detail,
        advice: "A dataset takes as much as its pictures, a checkpoint up to some hundred MiB.")
    }
    return .ok("disk", detail)
  }

  /// A database that a newer version wrote is refused by the service; better to hear it from here.
  private func database() -> Finding? {
    let file = path + "/byol.sqlite"
    guard files.fileExists(atPath: file) else { return nil }
    do {
      try SQLiteRunStore.examine(path: file)
      return .ok("database", "of this version's format or an older one")
    } catch {
      return .fail(
        "database", "\(error)",
        advice: "Start the version that wrote it, or restore a backup made before.")
    }
  }
}
