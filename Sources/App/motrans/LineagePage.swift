import Artifacts
import Execution
import Foundation
import Formats
import Lineage

/// What made a video, on one page: a file of its own, without scripts and without the network.
///
/// Well-formed XML as well, so that any parser finds what is not escaped.
struct LineagePage {
    let text: String

    init(subject: String, answer: LineageAnswer, facts: LineageFacts, engine: Engine) {
        let builder = Builder(
            subject: subject, answer: answer, facts: facts,
            pictures: PagePictures(engine: engine, closure: answer.closure))
        text =
            builder.page(recipe: builder.shownFile.flatMap { try? engine.recipe(of: $0.artifact, path: $0.path) })
            .markup
    }
}

private struct Builder {
    let subject: String
    let answer: LineageAnswer
    let facts: LineageFacts
    let pictures: PagePictures

    var closure: LineageClosure { answer.closure }

    /// The artifacts that the page is about, with the files to show.
    private var shown: [(artifact: Digest, path: String, attributes: Value?)] {
        closure.roots.flatMap { root -> [(artifact: Digest, path: String, attributes: Value?)] in
            let manifest = closure.artifacts[root]?.manifest
            return (manifest?.entries ?? []).filter { entry in
                entry.mediaType.hasPrefix("video/") && (closure.path == nil || closure.path == entry.path)
            }.map { entry in
                (root, entry.path, manifest?.attributes.list?.first { $0["file"]?.string == entry.path })
            }
        }
    }

    var shownFile: (artifact: Digest, path: String)? {
        if let first = shown.first { return (first.artifact, first.path) }
        return closure.roots.first.flatMap { root in
            closure.artifacts[root]?.manifest.entries.first.map { (root, $0.path) }
        }
    }

    func page(recipe: Recipe?) -> HTML {
        let title = shown.first?.attributes?["prompt"]?.string ?? (subject as NSString).lastPathComponent
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8"/>
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta name="generator" content="motrans \(ToolVersion.text)"/>
            <title>\(title) · lineage</title>
            <style>\(HTML(markup: Self.style))</style>
            </head>
            <body>
            <header>
            <p class="eyebrow">What made this</p>
            <h1><bdi>\(title)</bdi></h1>
            \(badges)
            </header>
            <main>
            \(videos)
            \(tiles)
            \(answer.tree.direction == .down ? descendants : "")
            \(section("From the clips to the result", LineageGraphDrawing(closure).html, of: "graph"))
            \(clips)
            \(captions)
            \(steps)
            \(unsuccessful)
            \(models)
            \(files)
            \(recipe.map(self.recipe) ?? "")
            </main>
            <footer>Written by motrans \(ToolVersion.text). Everything on this page is in the file itself.</footer>
            </body>
            </html>
            """
    }

    // MARK: Sections

    private func section(_ title: String, _ body: HTML, of style: String = "") -> HTML {
        "<section class=\"\(style)\"><h2>\(title)</h2>\n\(body)\n</section>\n"
    }

    private var badges: HTML {
        var lines: [HTML] = []
        if let match = answer.match {
            lines.append("<p class=\"match \(match.certainty)\">\(match.description)</p>")
        }
        if let note = answer.note { lines.append("<p class=\"match unsure\">\(note)</p>") }
        if let run = closure.run {
            lines.append(
                """
                <p class="by">made by run <code>\(run.id.text)</code> of <b>\(run.run.pipeline)</b>, \
                \(RunsCommand.when(run.run.started)), motrans \(run.run.toolVersion) on \(run.run.process.host)</p>
                """)
        }
        return "\(lines)"
    }

    private var videos: HTML {
        let blocks = shown.map { video -> HTML in
            let line = video.attributes
            let name: HTML = """
                <b>\(video.path)</b>\(line?["seed"]?.int.map { " · seed \($0)" } ?? "") \
                <span class="digest">artifact \(video.artifact.short)</span>
                """
            let scores = facts.scores.filter { $0.video == video.path }.flatMap(\.values).map { score -> HTML in
                "<span class=\"chip\"><i>\(score.name)</i> \(String(format: "%.4f", score.value))</span>"
            }
            return """
                <figure class="hero">\(strip(pictures.anyVideo(video.path, of: video.artifact)))
                <figcaption><span>\(name)</span><span class="chips">\(scores)</span></figcaption></figure>

                """
        }
        return "\(blocks)"
    }

    /// Pictures side by side, or the word that they are gone.
    private func strip(_ pictures: [(address: String, label: String)]?) -> HTML {
        guard let pictures, !pictures.isEmpty else {
            return "<p class=\"gone\">the pictures are not in the store any more</p>"
        }
        let cells = pictures.map { picture -> HTML in
            let label: HTML = picture.label.isEmpty ? "" : "<small>\(picture.label)</small>"
            return "<span><img src=\"\(picture.address)\" alt=\"\(picture.label)\"/>\(label)</span>"
        }
        return "<div class=\"strip\">\(cells)</div>"
    }

    private var tiles: HTML {
        guard closure.run != nil else { return "" }
        let (fresh, reused) = (closure.fresh, closure.reused)
        func tile(_ name: String, _ cost: LineageClosure.Cost) -> HTML {
            """
            <div class="tile"><h3>\(name)</h3><p class="big">\(Readable.duration(cost.wallSeconds))</p>\
            <p>\(cost.steps) \(cost.steps == 1 ? "step" : "steps") · \(Readable.duration(cost.cpuSeconds)) of processors · \
            \(Readable.bytes(cost.peakMemory)) at the peak</p></div>
            """
        }
        return """
            <div class="tiles">\(tile("Done in this run", fresh))\
            \(reused.steps > 0 ? tile("Reused from earlier runs", reused) : "")</div>

            """
    }

    private var clips: HTML {
        let makers = closure.steps.filter { step in step.attempt.outputs.contains { $0.kind == .frames } }
        let blocks = makers.flatMap { step -> [HTML] in
            guard let frames = step.attempt.outputs.first?.artifact else { return [] }
            let lines = closure.artifacts[frames]?.manifest.attributes.list ?? []
            let sources = step.attempt.attempt.inputs.compactMap { closure.artifacts[$0.artifact]?.manifest }
                .flatMap { $0.entries.sorted { (Int($0.path) ?? 0, $0.path) < (Int($1.path) ?? 0, $1.path) } }
            return lines.indices.map { index -> HTML in
                let moments = facts.moments[frames]?.first { $0.clip == index }
                let cells = pictures.clip(index, of: frames)?.map { cell -> (String, String) in
                    guard let moments, moments.indices.indices.contains(cell.frame) else { return (cell.address, "") }
                    let time = String(format: "%.2f s", moments.times[cell.frame])
                    return (cell.address, "\(moments.indices[cell.frame]) · \(time)")
                }
                let source = sources.indices.contains(index) ? sources[index] : nil
                let place = source.flatMap { closure.sources[$0.digest]?.first?.path } ?? "clip \(index + 1)"
                return """
                    <article class="clip">\(strip(cells))
                    <p><b>\((place as NSString).lastPathComponent)</b> <bdi>\(lines[index]["prompt"]?.string ?? "")</bdi></p>
                    <p class="fine">\(moments.map(LineageFacts.words) ?? "which frames: not recorded")</p>
                    <p class="fine">\(place)<br/><code>sha256 \(source?.digest.hex ?? "?")</code></p></article>

                    """
            }
        }
        return blocks.isEmpty ? "" : section("Source clips", "<div class=\"cards\">\(blocks)</div>")
    }

    private var captions: HTML {
        let blocks = facts.captions.sorted { $0.key < $1.key }.map { _, captions -> HTML in
            let rows = captions.captions.map { caption -> HTML in
                let pieces = caption.difference.pieces.map { piece -> HTML in
                    switch piece.change {
                    case .kept: "\(piece.text) "
                    case .added: "<ins>\(piece.text)</ins> "
                    case .removed: "<del>\(piece.text)</del> "
                    }
                }
                return """
                    <tr><td>\(caption.clip + 1)</td><td><bdi>\(caption.base)</bdi></td><td><bdi>\(pieces)</bdi></td></tr>

                    """
            }
            return """
                <p class="fine">written \(captions.author); \(captions.moment)</p>
                <div class="wide"><table><thead><tr><th>clip</th><th>what the user says</th><th>caption</th></tr></thead>
                <tbody>\(rows)</tbody></table></div>
                """
        }
        return blocks.isEmpty ? "" : section("Captions", "\(blocks)")
    }

    private var steps: HTML {
        let blocks = closure.steps.map { step -> HTML in
            let attempt = step.attempt
            let work = attempt.attempt
            let settings = work.record.fields.filter { $0.path.hasPrefix("settings.") }.map { field -> HTML in
                let name = String(field.path.dropFirst("settings.".count))
                let place: HTML =
                    work.settingPlaces[name].map {
                        "<small title=\"\($0)\">\(($0 as NSString).lastPathComponent)</small>"
                    } ?? ""
                return "<tr><th>\(name)</th><td>\(KeyChange.text(field.value)) \(place)</td></tr>"
            }
            var rows: [(String, HTML)] = []
            if let element = work.element { rows.append(("element", "<bdi>\(KeyChange.text(element))</bdi>")) }
            for segment in step.trained {
                rows.append(("trained", "\(LineageFacts.words(of: segment, in: attempt.id))"))
            }
            for training in facts.trainings[attempt.id] ?? [] { rows.append(("training", "\(training.words)")) }
            for place in facts.motions[attempt.id] ?? [] {
                let tokens = place.tokens.map { ", " + LineageFacts.words(of: $0) } ?? ""
                rows.append(("motion", "<b>\(place.word)</b> in <bdi>\(place.prompt)</bdi>\(tokens)"))
            }
            rows += [
                ("cause", "\(work.cause)"), ("key", "<code>\(attempt.key.hex)</code>"),
                ("attempt", "<code>\(attempt.id.text)</code> in run <code>\(work.run.text)</code>"),
                ("started", "\(RunsCommand.when(work.started))"),
                ("kernels", "\(attempt.usage.kernels), \(attempt.usage.threads) threads"),
                (
                    "tool",
                    "motrans \(step.run?.run.toolVersion ?? "?") on \(step.run?.run.process.host ?? "?"), stage version \(work.stageVersion)"
                ),
            ]
            rows += work.inputs.map { ("input \($0.port)", "\($0.kind.name) <code>\($0.artifact.hex)</code>") }
            rows += attempt.outputs.map { use in
                let state = closure.stored.contains(use.artifact) ? "" : " (not in the store any more)"
                return ("output \(use.port)", "\(use.kind.name) <code>\(use.artifact.hex)</code>\(state)")
            }
            let facts = rows.map { row -> HTML in "<tr><th>\(row.0)</th><td>\(row.1)</td></tr>" }
            let usage = attempt.usage
            return """
                <details class="step"><summary><b>\(work.step)</b> <span class="fine">\(work.stage)</span>\
                <span class="spread"></span><span class="pill \(step.isFresh ? "fresh" : "reused")">\
                \(step.isFresh ? "done in this run" : "reused")</span> <span class="fine">\
                \(Readable.duration(usage.wallSeconds)) · \(Readable.duration(usage.cpuSeconds)) CPU · \
                \(Readable.bytes(usage.peakMemory))</span></summary>
                <div class="two"><table class="facts"><caption>Facts</caption><tbody>\(facts)</tbody></table>
                <table class="facts"><caption>Settings</caption><tbody>\(settings)</tbody></table></div></details>

                """
        }
        return blocks.isEmpty ? "" : section("Every step and setting", "\(blocks)")
    }

    private var unsuccessful: HTML {
        let rows = closure.steps.flatMap { step in
            step.unsuccessful.map { other -> HTML in
                """
                <tr><td>\(step.attempt.attempt.step)</td><td><code>\(other.id.text)</code></td>\
                <td>\(other.outcome.rawValue)</td><td>\(other.key == step.attempt.key ? "the same work" : "other settings or inputs")</td>\
                <td>\(Readable.duration(other.usage.wallSeconds))</td><td>\(RunsCommand.when(other.attempt.started))</td>\
                <td>\(other.error ?? "")</td></tr>

                """
            }
        }
        guard !rows.isEmpty else { return "" }
        return section(
            "Attempts at the same steps that did not end well",
            """
            <div class="wide"><table><thead><tr><th>step</th><th>attempt</th><th>outcome</th><th>against what succeeded</th>\
            <th>after</th><th>when</th><th>why</th></tr></thead><tbody>\(rows)</tbody></table></div>
            """)
    }

    private var models: HTML {
        var seen: Set<Digest> = []
        let uses = closure.steps.flatMap(\.attempt.attempt.models).filter { seen.insert($0.digest).inserted }
        guard !uses.isEmpty else { return "" }
        let rows = uses.map { use -> HTML in
            "<tr><th>\(use.part)</th><td><code>\(use.digest.hex)</code></td><td class=\"fine\">\(use.path)</td></tr>"
        }
        return section("Model", "<div class=\"wide\"><table><tbody>\(rows)</tbody></table></div>")
    }

    private var files: HTML {
        let own = Set(closure.roots)
        let rows = closure.roots.flatMap { closure.artifacts[$0]?.manifest.entries ?? [] }.map { entry -> HTML in
            "<tr><td>\(entry.path)</td><td>in the store</td><td><code>\(entry.digest.hex)</code></td></tr>"
        }
        let handedOut = closure.deliveries.filter { own.contains($0.artifact) }.map { delivery -> HTML in
            """
            <tr><td>\(delivery.path)</td><td>handed out \(RunsCommand.when(delivery.date))</td>\
            <td><code>\(delivery.digest.hex)</code></td></tr>
            """
        }
        guard !rows.isEmpty else { return "" }
        return section(
            "Files and their SHA-256", "<div class=\"wide\"><table><tbody>\(rows)\(handedOut)</tbody></table></div>")
    }

    private var descendants: HTML {
        let blocks = Descendants(answer).groups.map { group -> HTML in
            let rows = group.items.map { item -> HTML in
                """
                <tr><td>\(item.step.attempt.attempt.step)</td><td><code>\(item.record.digest.short)</code></td>\
                <td>\(item.isStored ? "in the store" : "not in the store any more")</td>\
                <td>\(item.deliveries.isEmpty ? "" : "handed out \(item.deliveries.count)×")</td></tr>
                """
            }
            return "<h3>\(group.name)</h3><div class=\"wide\"><table><tbody>\(rows)</tbody></table></div>"
        }
        return section("All that came from it", "\(blocks)")
    }

    private func recipe(_ recipe: Recipe) -> HTML {
        section(
            "Make it again",
            """
            <p class="fine"><code>motrans init --from VIDEO</code> writes this file back\
            \(recipe.isAsWritten ? ", as its author wrote it" : ": every step written out, because its author's needs other files or flags").</p>
            <pre>\(recipe.text)</pre>
            """)
    }

    static let style = """
        :root{--ink:#1c2024;--soft:#667079;--line:#e2e6ea;--ground:#f6f7f9;--card:#fff;--accent:#3457d5;--fresh:#1f8a5b;\
        --reused:#8a6d1f;--source:#9aa4ae;--add:#d9f2e3;--del:#fbe0df}
        @media(prefers-color-scheme:dark){:root{--ink:#e7eaee;--soft:#98a2ad;--line:#2c333b;--ground:#14171b;--card:#1b1f25;\
        --accent:#8aa4ff;--fresh:#58c795;--reused:#d9b656;--source:#6d7883;--add:#16402b;--del:#4b2325}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
        header,main,footer{max-width:1080px;margin:0 auto;padding:0 24px}
        header{padding-top:44px}
        .eyebrow{margin:0;text-transform:uppercase;letter-spacing:.12em;font-size:12px;color:var(--accent);font-weight:600}
        h1{margin:.15em 0 .4em;font-size:34px;line-height:1.2;letter-spacing:-.015em;overflow-wrap:anywhere}
        h2{font-size:19px;margin:0 0 14px;letter-spacing:-.005em}h3{font-size:14px;margin:14px 0 6px}
        section{margin:42px 0}.fine,.digest,small{color:var(--soft);font-size:13px}
        .by{color:var(--soft);margin:.4em 0}.match{display:inline-block;margin:0 8px 4px 0;padding:3px 12px;border-radius:99px;\
        font-size:13px;background:var(--card);border:1px solid var(--line)}
        .match::before{content:"";display:inline-block;width:8px;height:8px;border-radius:50%;margin-right:8px;background:var(--reused)}
        .match.certain::before{background:var(--fresh)}.match.refuted::before{background:#d0413c}
        code{font:12px/1.4 ui-monospace,SFMono-Regular,Menlo,monospace;overflow-wrap:anywhere}
        .hero{margin:26px 0 0;padding:14px;background:var(--card);border:1px solid var(--line);border-radius:14px}
        .hero figcaption{display:flex;flex-wrap:wrap;gap:8px 20px;justify-content:space-between;margin-top:10px}
        .chip{display:inline-block;padding:1px 10px;margin-left:6px;border:1px solid var(--line);border-radius:99px;font-size:13px;\
        font-variant-numeric:tabular-nums}.chip i{color:var(--soft);font-style:normal}
        .strip{display:flex;gap:4px}.strip span{flex:1;min-width:0;text-align:center}
        .strip img{display:block;width:100%;border-radius:6px;image-rendering:auto}
        .strip small{display:block;font-size:11px;margin-top:2px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
        .gone{margin:0;padding:26px;text-align:center;color:var(--soft);border:1px dashed var(--line);border-radius:8px}
        .tiles{display:flex;flex-wrap:wrap;gap:14px;margin-top:14px}
        .tile,.clip,.step{background:var(--card);border:1px solid var(--line);border-radius:14px}
        .tile{flex:1;min-width:250px;padding:14px 18px}.tile h3{margin:0;color:var(--soft);font-weight:500}
        .tile p{margin:0;color:var(--soft);font-size:13px}.tile .big{font-size:26px;color:var(--ink);letter-spacing:-.02em}
        section.graph{overflow-x:auto}svg.graph{display:block;width:100%;height:auto;min-width:760px}
        svg path{fill:none;stroke:var(--source);stroke-width:1.4}svg marker path{fill:var(--source);stroke:none}
        svg rect{fill:var(--card);stroke:var(--line);stroke-width:1.2}
        svg .fresh rect{stroke:var(--fresh)}svg .reused rect{stroke:var(--reused)}svg .source rect{stroke-dasharray:4 3;stroke:var(--source)}
        svg .after rect{stroke-dasharray:2 3}
        svg text{fill:var(--ink);font:600 12.5px system-ui,sans-serif}svg .detail{fill:var(--soft);font-weight:400;font-size:11px}
        .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(440px,1fr));gap:14px}
        .clip{padding:12px 14px}.clip p{margin:8px 0 0}.clip .fine{margin:4px 0 0;overflow-wrap:anywhere}
        .wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:14px}
        table{border-collapse:collapse;width:100%;font-size:13.5px}
        th,td{text-align:left;vertical-align:top;padding:7px 14px;border-top:1px solid var(--line);overflow-wrap:anywhere}
        tr:first-child>*{border-top:0}tbody tr:first-child>*{border-top:1px solid var(--line)}
        .wide>table>tbody:first-child tr:first-child>*{border-top:0}
        th{font-weight:600;white-space:nowrap}thead th{color:var(--soft);font-weight:500;font-size:12.5px}
        ins{background:var(--add);text-decoration:none;border-radius:4px;padding:0 3px}
        del{background:var(--del);border-radius:4px;padding:0 3px}
        .step{margin:8px 0}.step summary{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 12px;padding:10px 16px;cursor:pointer}
        .spread{flex:1}.pill{padding:0 10px;border-radius:99px;font-size:12px;border:1px solid currentColor}
        .pill.fresh{color:var(--fresh)}.pill.reused{color:var(--reused)}
        .two{display:grid;grid-template-columns:1.3fr 1fr;border-top:1px solid var(--line)}
        @media(max-width:820px){.two{grid-template-columns:1fr}.cards{grid-template-columns:1fr}}
        .facts{align-self:start}.facts caption{text-align:left;padding:10px 14px 4px;color:var(--soft);font-size:12.5px}
        .facts th{font-weight:500;color:var(--soft)}.facts th,.facts td{padding:4px 14px}
        pre{margin:0;padding:16px 18px;background:var(--card);border:1px solid var(--line);border-radius:14px;overflow-x:auto;\
        font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}
        footer{padding-top:10px;padding-bottom:44px;color:var(--soft);font-size:13px}
        @media print{body{background:#fff}.step,.clip,figure{break-inside:avoid}}
        """
}
