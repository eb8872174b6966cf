import { Frame } from "./frame.tsx";

export interface MessagePageProps {
  prettyName: string;
  title: string;
  message: string;
  /** Where to go on. */
  link?: { href: string; text: string };
  /** Finds a failed request in the log. */
  requestId?: string;
}

/** Says one thing: what went wrong, and what to do. */
export const MessagePage = ({ prettyName, title, message, link, requestId }: MessagePageProps) => (
  <Frame title={title} prettyName={prettyName}>
    <div class="panel message">
      <h1>{title}</h1>
      <p>{message}</p>
      {link && (
        <p>
          <a href={link.href}>{link.text}</a>
        </p>
      )}
      {requestId && (
        <p class="quiet">
          Request <code>{requestId}</code>
        </p>
      )}
    </div>
  </Frame>
);
