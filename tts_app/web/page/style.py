"""How the page looks: nothing wider than a phone, nothing smaller than a thumb."""

CSS = """
.gradio-container { width: 100% !important; max-width: 960px !important; margin: 0 auto !important; }
.gradio-container, .gradio-container * { box-sizing: border-box; }
.gradio-container button, .gradio-container input:not([type=checkbox]):not([type=radio]):not([type=range]),
.gradio-container select, .gradio-container label:has(input[type=radio]),
.gradio-container label:has(input[type=checkbox]) { min-height: 40px; }
.gradio-container button, .gradio-container label:has(input[type=radio]) { min-width: 40px; }
.gradio-container input[type=range] { min-height: 40px; }
.gradio-container .block:has(input[type=range]) .head,
.gradio-container .block:has(input[type=range]) .tab-like-container {
  height: auto !important; min-height: 40px;
}
#title h2 { font-size: 20px; padding-right: 140px; }
#language { position: absolute; top: 12px; right: 12px; z-index: 2; width: auto; }
#reference { overflow: hidden; }
#reference > button { min-height: 40px; padding: 8px 12px; }
.vk-status { font-size: 14px; line-height: 1.6; overflow-wrap: anywhere; }
.vk-warning { color: #8a4b00; background: #fff4e0; border-left: 4px solid #e69500; padding: 8px 12px; }
.vk-error { color: #8c1d18; background: #fdecea; border-left: 4px solid #d93025; padding: 8px 12px; }
.vk-good { color: #0d4f26; background: #e6f4ea; border-left: 4px solid #188038; padding: 8px 12px; }
.vk-table { overflow-x: auto; max-width: 100%; }
.vk-table td, .vk-table th { overflow-wrap: anywhere; padding: 4px 8px; text-align: left; }
.vk-table td:nth-child(2) { min-width: 5em; }
.vk-table td:first-child, .vk-table td:nth-child(3):not(:last-child), .vk-table th { white-space: nowrap; }
.vk-download { display: inline-block; min-height: 40px; line-height: 40px; }
@media (max-width: 480px) { .gradio-container { padding: 8px !important; } }
"""
